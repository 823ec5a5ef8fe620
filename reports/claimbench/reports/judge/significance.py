"""The tests behind the gate: how surprising blocks are if nothing is wrong, for many questions at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from claimbench.reports.judge.statistics import Values


@dataclass(frozen=True, slots=True)
class Surprise:
    """One-sided p-values: of blocks this bad if all is well, and of blocks this good if it is not."""

    worse: float
    fine: float


def of_median(excess: Values) -> Surprise:
    """Wilcoxon's signed-rank test of blocks whose excess over the limit, in logarithms, is bad above 0.

    Exact with ties too: the distribution of the very ranks that were found is counted. Blocks exactly at the
    limit say nothing and are left out. (SciPy enumerates all permutations when a small sample has ties.)
    """
    telling = excess[excess != 0]
    if not len(telling):
        return Surprise(1.0, 1.0)
    doubled = np.rint(2 * stats.rankdata(np.abs(telling))).astype(int)
    observed = int(doubled[telling > 0].sum())
    probability = _rank_sums(tuple(sorted(doubled.tolist())))
    return Surprise(
        min(1.0, float(probability[observed:].sum())), min(1.0, float(probability[: observed + 1].sum()))
    )


@lru_cache(maxsize=256)
def _rank_sums(doubled_ranks: tuple[int, ...]) -> Values:
    """The probability of each sum of doubled ranks when every sign is a coin toss."""
    probability = np.zeros(sum(doubled_ranks) + 1)
    probability[0] = 1.0
    for rank in doubled_ranks:
        moved = np.zeros_like(probability)
        moved[rank:] = probability[:-rank]
        probability = (probability + moved) / 2
    return probability


def of_percentile(excess: Values, percent: float) -> Surprise:
    """The sign test for any other percentile: at most 1 - percent / 100 of the blocks may lie above 0."""
    above, share = int((excess > 0).sum()), 1 - percent / 100
    return Surprise(
        float(stats.binomtest(above, len(excess), share, alternative="greater").pvalue),
        float(stats.binomtest(above, len(excess), share, alternative="less").pvalue),
    )


def holm(p_values: Sequence[float], alpha: float, others: int = 0) -> tuple[bool, ...]:
    """Which hypotheses fall at family-wise error `alpha` (Holm, Scandinavian Journal of Statistics 6, 1979).

    others: how many further questions belong to the family but are not asked here: they surprise nobody.
    """
    size = len(p_values) + others
    fallen = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        if p_values[index] > alpha / (size - rank):
            break
        fallen[index] = True
    return tuple(fallen)


@dataclass(frozen=True, slots=True)
class Rate:
    """Events among trials, with Wilson's 95 % interval (J. American Statistical Association 22, 1927)."""

    events: int
    trials: int

    @property
    def share(self) -> float:
        """Events per trial."""
        return self.events / self.trials

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return max(0.0, self._centre - self._reach)

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return min(1.0, self._centre + self._reach)

    def __str__(self) -> str:
        return (
            f"{self.events}/{self.trials} = {100 * self.share:.1f} % "
            f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"
        )

    @property
    def _centre(self) -> float:
        return (self.events + _Z**2 / 2) / (self.trials + _Z**2)

    @property
    def _reach(self) -> float:
        spread = self.share * (1 - self.share) * self.trials + _Z**2 / 4
        return _Z * math.sqrt(spread) / (self.trials + _Z**2)


_Z = float(stats.norm.ppf(0.975))
