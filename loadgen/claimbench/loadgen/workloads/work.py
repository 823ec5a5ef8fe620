"""Work as values: what an arm asked of others and what it left; and whether two arms did the same."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

DIFFERENCES_TOLD = 20


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """One thing that was done, by the name that a reader would give it, with its values as text.

    Values are `column=value` of a row that was left, or the one canonical body of a request that was sent.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """What was sent (a multiset: a request may be sent twice), and what was left (by name, each once)."""

    sent: tuple[Piece, ...]
    left: tuple[Piece, ...]

    def digest(self) -> str:
        """SHA-256 over all of it, in no order."""
        found = hashlib.sha256()
        for part in (self.sent, self.left):
            for piece in sorted(part):
                found.update(repr((piece.name, piece.values)).encode())
            found.update(b"\n")
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class WorkDone:
    """What one arm did."""

    arm: str
    work: Work


@dataclass(frozen=True, slots=True)
class WorkComparison:
    """Differences as sentences, the first one first; none when the arms did the same work."""

    differences: tuple[str, ...]
    rows_compared: int
    api_requests_compared: int

    @property
    def equal(self) -> bool:
        """Whether both did the same work."""
        return not self.differences


def compare_work(reference: WorkDone, other: WorkDone) -> WorkComparison:
    """Compare what was sent, then what was left, and name up to twenty differences."""
    found = (*_sent_differences(reference, other), *_left_differences(reference, other))
    told = found[:DIFFERENCES_TOLD]
    if len(found) > len(told):
        told = (*told, f"and {len(found) - len(told)} more differences")
    return WorkComparison(told, len(reference.work.left), len(reference.work.sent))


def _sent_differences(reference: WorkDone, other: WorkDone) -> Iterator[str]:
    expected, sent = Counter(reference.work.sent), Counter(other.work.sent)
    surplus: dict[str, list[Piece]] = {}
    for piece in sorted((sent - expected).elements()):
        surplus.setdefault(piece.name, []).append(piece)
    for piece in sorted((expected - sent).elements()):
        twins = surplus.get(piece.name)
        if twins:
            twin = twins.pop(0)
            (ours,), (theirs,) = piece.values, twin.values
            yield f"{piece.name}: {_body_difference(reference.arm, ours, other.arm, theirs)}"
        else:
            yield f"{piece.name}: {reference.arm} sent it, {other.arm} did not"
    for twins in surplus.values():
        for piece in twins:
            yield f"{piece.name}: {other.arm} sent it, {reference.arm} did not"


def _left_differences(reference: WorkDone, other: WorkDone) -> Iterator[str]:
    expected, left = _by_name(reference.work.left), _by_name(other.work.left)
    for name in [*expected, *(name for name in left if name not in expected)]:
        ours, theirs = expected.get(name), left.get(name)
        if ours is None or theirs is None:
            has, lacks = (reference, other) if theirs is None else (other, reference)
            yield f"{name}: {has.arm} has it, {lacks.arm} does not"
        elif ours != theirs:
            yield f"{name}: {_value_difference(reference.arm, ours, other.arm, theirs)}"


def _by_name(pieces: tuple[Piece, ...]) -> Mapping[str, tuple[str, ...]]:
    return {piece.name: piece.values for piece in pieces}


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
