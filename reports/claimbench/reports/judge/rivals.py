"""The rules of other gates, to stand beside ours on the same blocks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from claimbench.reports.judge.statistics import Values


@dataclass(frozen=True, slots=True)
class Rival:
    """A rule that says whether `head` is slower than `base`, from the blocks of each."""

    name: str
    rule: str
    alarms: Callable[[Values, Values], bool]


def _mean_10_percent(base: Values, head: Values) -> bool:
    return bool(head.mean() > 1.10 * base.mean())


def _asv(base: Values, head: Values) -> bool:
    different = stats.mannwhitneyu(head, base, alternative="two-sided").pvalue < 0.002
    return bool(different and np.median(head) > 1.1 * np.median(base))


def _mann_whitney(base: Values, head: Values) -> bool:
    different = stats.mannwhitneyu(head, base, alternative="two-sided").pvalue < 0.05
    return bool(different and np.median(head) > np.median(base))


RIVALS = (
    Rival("pytest-benchmark", "--benchmark-compare-fail=mean:10%", _mean_10_percent),
    Rival("asv", "Mann-Whitney p < 0.002 and 10 % by the medians", _asv),
    Rival("Mann-Whitney", "p < 0.05 and slower by the medians", _mann_whitney),
)
