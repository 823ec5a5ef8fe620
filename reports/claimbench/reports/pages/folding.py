"""One line for what is one thing to a reader: a metric that got worse at ten places got worse once."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from claimbench.reports.record.values import Finding
from claimbench.scenarios.metrics import CATALOGUE, RUN

ORDER = ("fail", "invalid", "inconclusive", "pass")
"""Worst first."""

_PLACE = re.compile(
    r"(?P<arm>[^{]*)\.(?P<metric>\w+)\{stage:(?P<stage>[^,]*), companies:(?P<companies>\d+)\}"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Findings about one arm's metric under one rule: the one that says most, and how many more there are."""

    leading: Finding
    others: int

    @property
    def subject(self) -> str:
        """What the leading one is about, and at how many other stages and sizes the same was looked at."""
        more = f" and {self.others} more place{'s' * (self.others > 1)}" if self.others else ""
        return f"{self.leading.subject}{more}"


def grouped(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Worst first, then in the order in which metrics are defined; the whole run speaks for its stages."""
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for each in findings:
        found[each.subject.partition("{")[0], each.rule].append(each)
    groups = [Group(min(members, key=_eloquence), len(members) - 1) for members in found.values()]
    return tuple(sorted(groups, key=_rank))


def folded(names: Iterable[str]) -> str:
    """`arm.metric{stage:…, companies:…}` as `arm.metric (3 places)`, in their order."""
    counts: dict[str, list[str]] = defaultdict(list)
    for name in names:
        counts[name.partition("{")[0]].append(name)
    return ", ".join(_folded_name(each) for each in counts.values())


def _folded_name(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0].partition('{')[0]} ({len(names)} places)"


def _eloquence(finding: Finding) -> tuple[int, bool, int]:
    """Least for what says most: the worst verdict, of the whole run, at the most companies."""
    place = _PLACE.fullmatch(finding.subject)
    is_part = place is not None and place["stage"] != RUN
    return ORDER.index(finding.value), is_part, -int(place["companies"]) if place else 0


def _rank(group: Group) -> tuple[int, int]:
    finding = group.leading
    metric = finding.subject.partition("{")[0].rpartition(".")[2]
    names = [each.name for each in CATALOGUE]
    return ORDER.index(finding.value), names.index(metric) if metric in names else len(names)
