"""One line for what is one thing to a reader: a metric that got worse at ten places got worse once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from claimbench.reports.record.values import Finding, Place, VerdictValue
from claimbench.scenarios.metrics import CATALOGUE, RUN

ORDER = (VerdictValue.FAIL, VerdictValue.INVALID, VerdictValue.INCONCLUSIVE, VerdictValue.PASS)
"""Worst first."""


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
        found[each.place.series if each.place else each.subject, each.rule].append(each)
    groups = [Group(min(members, key=_eloquence), len(members) - 1) for members in found.values()]
    return tuple(sorted(groups, key=_rank))


def folded(places: Iterable[Place]) -> str:
    """Several places of one arm's metric as `arm.metric (3 places)`, in their order."""
    found: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        found[place.series].append(place)
    return ", ".join(
        str(same[0]) if len(same) == 1 else f"{series} ({len(same)} places)" for series, same in found.items()
    )


def _eloquence(finding: Finding) -> tuple[int, bool, int]:
    """Least for what says most: the worst verdict, of the whole run, at the largest size."""
    place = finding.place
    return ORDER.index(finding.value), bool(place and place.stage != RUN), -place.size if place else 0


def _rank(group: Group) -> tuple[int, int]:
    names = [each.name for each in CATALOGUE]
    place = group.leading.place
    known = place is not None and place.metric in names
    return ORDER.index(group.leading.value), names.index(place.metric) if place and known else len(names)
