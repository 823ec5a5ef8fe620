"""Two modes: where a process keeps the layout of memory that it was born with, and is fast or slow with it.

Each process is steady then, and their quotients fall into groups: both sides in one mode, or one side in the
slow one. Ranks let the far groups drown what the near one shows, so that is asked by itself as well. Which
group a block is in is read from its distance to the limit alone, whatever its sign, and if nothing is wrong a
sign is a coin toss for each distance: the choice costs no error but the two questions that it makes of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from claimbench.reports.judge.statistics import Surprise, Values, of_median
from claimbench.reports.record.values import Sample
from claimbench.scenarios.metrics import RUN

EXPLAINED = 0.8
"""Of the variance of a side's rounds, by the best cut in two; a normal distribution gives 0.64, an even 0.75.
"""
RARER = 0.1
"""The rarer mode has at least this share: a few stragglers are no mode."""
SWITCHES = 0.03
"""Of neighbours in time so many differ at least: a machine that changes once, or drifts, has no modes."""
LEAST_ROUNDS = 24
LEAST_BLOCKS = 12
FAR_EXPLAINED, FAR_SHARES = 0.75, (0.15, 0.75)
"""Of the variance of the blocks' distances to the limit, and the share of far blocks that two modes make."""


def of_median_by_modes(excess: Values) -> Surprise:
    """Wilcoxon's test of all blocks, and of the near group by itself where there are two; the smaller p is
    doubled.

    A green is given by all blocks only, so that a mode which one side alone has is not looked away from.
    """
    plain, near = of_median(excess), _near_group(excess[excess != 0])
    if near is None:
        return plain
    return Surprise(min(1.0, 2 * min(plain.worse, of_median(near).worse)), plain.fine)


def _near_group(excess: Values) -> Values | None:
    if len(excess) < LEAST_BLOCKS:
        return None
    cut = _Groups.of(np.abs(excess))
    least, most = FAR_SHARES
    if cut.explained < FAR_EXPLAINED or not least <= cut.share <= most:
        return None
    return excess[~cut.above]


@dataclass(frozen=True, slots=True)
class TwoModes:
    """Two modes of one side: the slow one by the fast one, and the share of rounds in the slow one."""

    apart: float
    slow: float

    def told(self, side: str) -> str:
        """In words: `head is in a mode 18 % slower in 46 % of its rounds`."""
        slower, often = 100 * (self.apart - 1), 100 * self.slow
        return f"{side} is in a mode {slower:.0f} % slower in {often:.0f} % of its rounds"


def told_modes(samples: Sequence[Sample], arms: Sequence[str], metric: str) -> str:
    """What is seen of two modes in whole runs, in words for each arm that has them; empty where none has."""
    of_runs = [each for each in samples if (each.metric, each.stage) == (metric, RUN)]
    found = {arm: two_modes([each.value for each in of_runs if each.arm == arm]) for arm in arms}
    return " and ".join(modes.told(arm) for arm, modes in found.items() if modes)


def two_modes(rounds: Sequence[float]) -> TwoModes | None:
    """The modes of one side's rounds, in their order of time; None where there are none to be seen."""
    if len(rounds) < LEAST_ROUNDS or min(rounds) <= 0:
        return None
    logs = np.log(np.asarray(rounds, dtype=float))
    cut = _Groups.of(logs)
    switches = float((cut.above[1:] != cut.above[:-1]).mean())
    if cut.explained < EXPLAINED or not RARER <= cut.share <= 1 - RARER or switches < SWITCHES:
        return None
    return TwoModes(float(np.exp(logs[cut.above].mean() - logs[~cut.above].mean())), cut.share)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Values in two groups: which are above, their share, and the variance's share between the groups."""

    above: npt.NDArray[np.bool_]
    share: float
    explained: float

    @classmethod
    def of(cls, values: Values) -> "_Groups":
        """Where the variance between the groups is largest (Otsu's cut), over all places."""
        ordered, total = np.sort(values), float(((values - values.mean()) ** 2).sum())
        below = np.arange(1, len(ordered))
        sums = np.cumsum(ordered)[:-1]
        rest = (ordered.sum() - sums) / (len(ordered) - below)
        between = below * (len(ordered) - below) / len(ordered) * (rest - sums / below) ** 2
        best = int(np.argmax(between))
        above = values > (ordered[best] + ordered[best + 1]) / 2
        return cls(above, float(above.mean()), float(between[best]) / total if total else 0.0)
