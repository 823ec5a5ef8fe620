"""The equivalence oracle: did two pipelines do the same work?"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from claimbench.loadgen.workloads.batch_pipeline.final_state import FinalRow, FinalState

DIFFERENCES_TOLD = 20


@dataclass(frozen=True, slots=True)
class ApiWork:
    """One request as the API saw it: how it came, under which id, and its canonical body."""

    channel: str
    custom_id: str | None
    body: str

    @property
    def name(self) -> str:
        """What a reader would call it."""
        return f"{self.channel} request {self.custom_id}" if self.custom_id else f"{self.channel} request"


@dataclass(frozen=True, slots=True)
class WorkDone:
    """What one arm did: the rows that it left and the requests that it sent."""

    arm: str
    state: FinalState
    api: tuple[ApiWork, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences as sentences, the first one first; none when the arms did the same work."""

    differences: tuple[str, ...]
    rows_compared: int
    api_requests_compared: int

    @property
    def equal(self) -> bool:
        """Whether both did the same work."""
        return not self.differences


def compare_work(reference: WorkDone, other: WorkDone) -> Comparison:
    """Compare what was sent, then what was left, and name up to twenty differences."""
    found = (*_api_differences(reference, other), *_row_differences(reference, other))
    told = found[:DIFFERENCES_TOLD]
    if len(found) > len(told):
        told = (*told, f"and {len(found) - len(told)} more differences")
    return Comparison(told, len(reference.state.rows), len(reference.api))


def _api_differences(reference: WorkDone, other: WorkDone) -> Iterator[str]:
    expected, sent = Counter(reference.api), Counter(other.api)
    missing = sorted((expected - sent).elements(), key=_order)
    surplus = sorted((sent - expected).elements(), key=_order)
    by_name: dict[str, list[ApiWork]] = {}
    for work in surplus:
        by_name.setdefault(work.name, []).append(work)
    for work in missing:
        twins = by_name.get(work.name)
        if twins:
            twin = twins.pop(0)
            yield f"{work.name}: {_body_difference(reference.arm, work.body, other.arm, twin.body)}"
        else:
            yield f"{work.name}: {reference.arm} sent it, {other.arm} did not"
    for twins in by_name.values():
        for work in twins:
            yield f"{work.name}: {other.arm} sent it, {reference.arm} did not"


def _row_differences(reference: WorkDone, other: WorkDone) -> Iterator[str]:
    for kind in ("requests", "sessions", "batches"):
        expected, left = (_by_name(getattr(work.state, kind)) for work in (reference, other))
        for name in [*expected, *(name for name in left if name not in expected)]:
            ours, theirs = expected.get(name), left.get(name)
            if ours is None or theirs is None:
                has, lacks = (reference, other) if theirs is None else (other, reference)
                yield f"{name}: {has.arm} has it, {lacks.arm} does not"
            elif ours != theirs:
                yield f"{name}: {_value_difference(reference.arm, ours, other.arm, theirs)}"


def _by_name(rows: tuple[FinalRow, ...]) -> dict[str, tuple[str, ...]]:
    return {row.name: row.values for row in rows}


def _value_difference(arm: str, ours: tuple[str, ...], other: str, theirs: tuple[str, ...]) -> str:
    differing = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    return "; ".join(f"{a[:80]} with {arm}, {b[:80]} with {other}" for a, b in islice(differing, 3))


def _body_difference(arm: str, ours: str, other: str, theirs: str) -> str:
    """Show both bodies around the first character that differs."""
    place = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    start = max(0, (min(len(ours), len(theirs)) if place is None else place) - 20)
    return (
        f"the body of {len(ours)} characters with {arm} has {len(theirs)} with {other}; "
        f"from character {start}: {ours[start : start + 60]!r} against {theirs[start : start + 60]!r}"
    )


def _order(work: ApiWork) -> tuple[str, str, str]:
    return work.channel, work.custom_id or "", work.body
