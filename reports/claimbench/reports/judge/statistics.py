"""Effects and their intervals. The unit of replication is the block: one value per arm and block.

From six blocks on, an interval is the exact Wilcoxon signed-rank interval around the Hodges-Lehmann
estimate (Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 3rd ed., section 3.3). Below
six blocks no rank interval can reach 95 %, so Student's t stands in. `docs/statistics.md` shows the
coverage of both, and of the bootstrap that they were chosen over.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from claimbench.reports.record.values import Interval, Method

CONFIDENCE = 0.95
FEW_BLOCKS_BELOW = 6
"""With n blocks a rank interval reaches 1 - 2 / 2**n at most: 93.75 % at five, 96.9 % at six."""

STUDENT = (12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934)
"""Student's t quantile at 97.5 %, as `CONFIDENCE` asks for; of two to five blocks (1 to 4 degrees free).

A table, since an installation without extras has no SciPy; the gate's tests below import it when called.
"""

LARGEST_FACTOR = 1e6
"""Intervals are cut here: a factor of a million says no more than 'unknown'."""

METHOD = Method(
    confidence=CONFIDENCE,
    estimate="Hodges-Lehmann estimate of the log-ratios candidate / reference, paired within blocks",
    interval="exact Wilcoxon signed-rank interval of the same log-ratios",
    interval_of_few_blocks="the lowest and the highest block, on which no claim is judged",
    few_blocks_below=FEW_BLOCKS_BELOW,
)

Values = NDArray[np.float64]


def location(values: Values) -> Interval:
    """The centre of at least two values, with its interval at `CONFIDENCE`.

    Values without spread have an interval without width.
    """
    if values.min() == values.max():
        return Interval(value=values[0], ci_low=values[0], ci_high=values[0])
    return _student(values) if len(values) < FEW_BLOCKS_BELOW else _by_signed_rank(values)


def _student(values: Values) -> Interval:
    centre = float(values.mean())
    reach = float(STUDENT[len(values) - 2] * values.std(ddof=1) / math.sqrt(len(values)))
    return Interval(value=centre, ci_low=centre - reach, ci_high=centre + reach)


def _by_signed_rank(values: Values) -> Interval:
    first, second = np.triu_indices(len(values))
    averages = np.sort((values[first] + values[second]) / 2)
    rank = signed_rank(len(values))
    return Interval(value=float(np.median(averages)), ci_low=averages[rank - 1], ci_high=averages[-rank])


def signed_rank(blocks: int) -> int:
    """The rank, from either end of the sorted pairwise averages, of the interval's bounds; 0 if none.

    The largest r with P(W <= r - 1) <= (1 - CONFIDENCE) / 2, where W is Wilcoxon's signed-rank
    statistic of so many blocks without effect; its distribution is counted, not approximated.
    """
    probability = _signed_rank_probability(blocks)
    return int(np.searchsorted(probability, (1 - CONFIDENCE) / 2, side="right"))


def level(blocks: int) -> float:
    """The level that an interval of so many blocks truly has: 0.969 at six, where 95 % lies between ranks."""
    ways = _signed_rank_probability(blocks)
    return 1 - 2 * float(ways[max(signed_rank(blocks), 1) - 1])


def _signed_rank_probability(blocks: int) -> Values:
    """P(W <= w) for each w, of Wilcoxon's signed-rank statistic without effect: counted."""
    ways = np.ones(1)
    for rank in range(1, blocks + 1):
        ways = np.convolve(ways, np.eye(1, rank + 1, rank)[0] + np.eye(1, rank + 1, 0)[0])
    return np.asarray(np.cumsum(ways) / 2.0**blocks)


def observed_reduction(reference: Values, candidate: Values) -> Interval | None:
    """As `reduction`, with the lowest and the highest block in place of an interval, for few blocks."""
    if not len(reference) or (reference <= 0).any():
        return None
    each = 1 - candidate / reference
    first, second = np.triu_indices(len(each))
    centre = float(np.median((each[first] + each[second]) / 2))
    lowest = 1 - LARGEST_FACTOR
    low, high = max(float(each.min()), lowest), float(each.max())
    return Interval(value=min(max(centre, low), high), ci_low=low, ci_high=high)


def reduction(reference: Values, candidate: Values) -> Interval | None:
    """How much less the candidate needs, as a fraction of the reference: 0.6 is 60 % less, -1 is double.

    Both arrays hold one value per block, paired by position. None if the reference is 0 in a block
    (nothing can be less than nothing) or if a single block is all there is and it cannot be exact.
    """
    if not len(reference) or (reference <= 0).any():
        return None
    if (reference == reference[0]).all() and (candidate == candidate[0]).all():
        change = 1 - float(candidate[0] / reference[0])
        return Interval(value=change, ci_low=change, ci_high=change)
    if (candidate <= 0).any():
        found = location(1 - candidate / reference)
        value, low = max(found.value, 1 - LARGEST_FACTOR), max(found.ci_low, 1 - LARGEST_FACTOR)
        return Interval(value=value, ci_low=low, ci_high=min(found.ci_high, 1.0))
    change_in_logs = location(np.log(candidate / reference))
    return Interval(
        value=-_expm1(change_in_logs.value),
        ci_low=-_expm1(change_in_logs.ci_high),
        ci_high=-_expm1(change_in_logs.ci_low),
    )


def _expm1(log_ratio: float) -> float:
    limit = math.log(LARGEST_FACTOR)
    return math.expm1(min(max(log_ratio, -limit), limit))


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
    from scipy import stats  # noqa: PLC0415 (see STUDENT)

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
    from scipy import stats  # noqa: PLC0415 (see STUDENT)

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
class Proportion:
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


_Z = NormalDist().inv_cdf(0.975)
