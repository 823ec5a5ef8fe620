"""Whether times fall into two modes, as where a process keeps the layout of memory that it was born with.

Then each process is steady and their quotients are not, so a check may end undecided however long it looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claimbench.reports.judge.statistics import Values

EXPLAINED = 0.8
"""Of the variance, by the best cut in two: a normal distribution gives 0.64, an even one 0.75."""
RARER = 0.1
"""The rarer mode has at least this share: a few stragglers are no mode."""
SWITCHES = 0.06
"""Of neighbours in time so many differ at least: a machine that changes once, or drifts, has no modes."""
LEAST_ROUNDS = 24


@dataclass(frozen=True, slots=True)
class TwoModes:
    """Two modes of one side: the slow one by the fast one, and the share of rounds in the slow one."""

    apart: float
    slow: float

    def told(self, side: str) -> str:
        """In words: `head is in a mode 18 % slower in 46 % of its rounds`."""
        slower, often = 100 * (self.apart - 1), 100 * self.slow
        return f"{side} is in a mode {slower:.0f} % slower in {often:.0f} % of its rounds"


def two_modes(rounds: Sequence[float]) -> TwoModes | None:
    """The modes of one side's rounds, in their order of time; None where there are none to be seen."""
    if len(rounds) < LEAST_ROUNDS or min(rounds) <= 0:
        return None
    logs = np.log(np.asarray(rounds, dtype=float))
    cut = _best_cut(np.sort(logs))
    is_slow = logs > cut
    share = float(is_slow.mean())
    total = float(((logs - logs.mean()) ** 2).sum())
    fast, slow = float(logs[~is_slow].mean()), float(logs[is_slow].mean())
    between = len(logs) * share * (1 - share) * (slow - fast) ** 2
    switches = float((is_slow[1:] != is_slow[:-1]).mean())
    if between < EXPLAINED * total or min(share, 1 - share) < RARER or switches < SWITCHES:
        return None
    return TwoModes(float(np.exp(slow - fast)), share)


def _best_cut(ordered: Values) -> float:
    """Where two groups differ most: the largest variance between them (Otsu's cut, exact)."""
    below = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)[:-1]
    means = sums / below
    rest = (ordered.sum() - sums) / (len(ordered) - below)
    between = below * (len(ordered) - below) * (rest - means) ** 2
    best = int(np.argmax(between))
    return float((ordered[best] + ordered[best + 1]) / 2)
