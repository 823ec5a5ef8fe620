"""What the turns of a scale report say: points, exponents, from where on claims hold, and efficiency."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
from scipy import special

from claimbench.reports.judge.statistics import CONFIDENCE
from claimbench.reports.record.scale import ClaimedReduction, ScaleFailure, ScalePoint, ScaleRecord, Turned
from claimbench.reports.record.values import Interval, Verdict, VerdictValue
from claimbench.scenarios.grammar import AtLeast, Reduction
from claimbench.scenarios.metrics import RUN
from claimbench.scenarios.model import Scenario

LIMIT = "limit"
MEASURES = ("round_trips", "rows", "row_bytes", "seconds", "peak_memory_bytes")
"""Of a point, those whose growth is told."""
STEEPEST = 2.0
"""An extrapolation follows no steeper power of the requests."""
_Claimed = Literal["statements", "peak_memory_bytes", "seconds"]
_CLAIMED: Mapping[str, _Claimed] = {
    "statements": "statements",
    "peak_memory": "peak_memory_bytes",
    "time": "seconds",
}
"""The metrics of claims that points know, too."""


@dataclass(frozen=True, slots=True)
class AskedSize:
    """A point as the record has it: companies, and waiting requests in all."""

    size: int
    requests: int


def points_of(
    taken: Iterable[Turned], arms: Sequence[str], asked: Sequence[AskedSize]
) -> tuple[ScalePoint, ...]:
    """A point for each arm and size: measured, or continued from the arm's smaller ones."""
    turns = [turn for turn in taken if turn.part == "points"]
    found: list[ScalePoint] = []
    for arm in arms:
        own = [turn for turn in turns if turn.arm == arm]
        measured = [point for size in asked if (point := _point(own, size))]
        found += measured
        if measured:
            largest = max(point.requests for point in measured)
            known = {AskedSize(point.size, point.requests) for point in measured}
            missing = [size for size in asked if size not in known and size.requests > largest]
            found += [_continued(measured, size) for size in missing]
    return tuple(sorted(found, key=lambda point: (point.requests, point.size, arms.index(point.arm))))


def _point(own: Sequence[Turned], size: AskedSize) -> ScalePoint | None:
    here = [turn for turn in own if turn.size == size.size and turn.requests == size.requests]
    counted = next((turn for turn in here if turn.total("round_trips") is not None), None)
    timed = next((turn for turn in here if turn is not counted), None)
    if timed is None:
        return None
    round_trips = counted.total("round_trips") if counted else None
    return ScalePoint(
        arm=timed.arm,
        size=timed.size,
        requests=timed.requests,
        seconds=timed.seconds,
        peak_memory_bytes=timed.peak_memory_bytes,
        round_trips=round_trips if round_trips is not None else timed.executions or 0,
        statements=counted.total("statements") if counted else None,
        rows=timed.rows,
        row_bytes=counted.total("row_bytes") if counted else None,
        wal_bytes=timed.wal_bytes,
        service=timed.service,
    )


def _continued(measured: Sequence[ScalePoint], size: AskedSize) -> ScalePoint:
    values = {
        name: _power_law([(point.requests, getattr(point, name)) for point in measured], size.requests)
        for name in ("seconds", "peak_memory_bytes", "round_trips")
    }
    return ScalePoint(
        arm=measured[0].arm,
        size=size.size,
        requests=size.requests,
        seconds=values["seconds"],
        peak_memory_bytes=round(values["peak_memory_bytes"]),
        round_trips=round(values["round_trips"]),
        service=measured[-1].service,
        extrapolated=True,
    )


def _power_law(known: Sequence[tuple[int, float]], at: int) -> float:
    """Through the two largest known, or in proportion to the only one; 0 if nothing is known."""
    if not known:
        return 0.0
    (last, value), before = max(known), [each for each in known if each[0] < max(known)[0]]
    power = 1.0
    if before and value > 0 and max(before)[1] > 0:
        size, smaller = max(before)
        power = math.log(value / smaller) / math.log(last / size)
    return float(value * (at / last) ** min(max(power, 0.0), STEEPEST))


def predicted_s(taken: Iterable[Turned], arm: str, requests: int) -> float:
    """How long the arm would take, by the quickest of its turns at each size so far; 0 if it has none."""
    points = [turn for turn in taken if turn.part == "points" and turn.arm == arm]
    quickest: dict[int, float] = {}
    for turn in points:
        quickest[turn.requests] = min(turn.seconds, quickest.get(turn.requests, turn.seconds))
    return _power_law([*quickest.items()], requests)


def verdict_of(taken: Sequence[Turned], failures: Sequence[ScaleFailure]) -> Verdict:
    """Whether all arms did the same work at each size."""
    groups: dict[tuple[int, int, str], list[Turned]] = defaultdict(list)
    for turn in taken:
        groups[turn.size, turn.requests, turn.service].append(turn)
    for (size, requests, _), turns in groups.items():
        first = turns[0]
        for other in turns[1:]:
            if (other.left, other.sent) != (first.left, first.sent):
                what = "left other rows" if other.left != first.left else "sent other requests"
                told = f"{_named(other)} {what} than {_named(first)} at {size:,} companies"
                return Verdict.of(VerdictValue.NOT_EQUIVALENT, f"{told}, {requests:,} requests")
    if not taken:
        return Verdict.of(VerdictValue.INVALID, "nothing was measured")
    if failures:
        return Verdict.of(VerdictValue.INCONCLUSIVE, f"{len(failures)} turns failed; the others stand")
    sizes = len({(turn.size, turn.requests) for turn in taken})
    return Verdict.of(VerdictValue.PASS, f"all turns did the same work, at {sizes} sizes")


def _named(turn: Turned) -> str:
    return f"{turn.arm} ({turn.variant})" if turn.variant else turn.arm


@dataclass(frozen=True, slots=True)
class Growth:
    """A measure of an arm grows with this power of the requests, or of the companies if these alone vary."""

    arm: str
    measure: str
    by: str
    exponent: Interval | None
    """Of two points its ends are alike; None without growth to see."""
    points: int


def growth(record: ScaleRecord) -> tuple[Growth, ...]:
    """The exponent of each measure of each arm, over its measured points: least squares in logarithms."""
    found = []
    for arm in record.arms:
        points = [point for point in record.points if point.arm == arm and not point.extrapolated]
        by = "requests" if len({point.requests for point in points}) > 1 else "size"
        for measure in MEASURES:
            known = [(getattr(point, by), value) for point in points if (value := getattr(point, measure))]
            found.append(Growth(arm, measure, by, exponent(known), len(known)))
    return tuple(found)


def exponent(known: Sequence[tuple[float, float]]) -> Interval | None:
    """The power of the first in the second, with Student's t interval from three points on."""
    if len({x for x, _ in known}) < 2:
        return None
    x, y = (np.log(np.asarray(column, dtype=float)) for column in zip(*known, strict=True))
    centred = x - x.mean()
    slope = float((centred * y).sum() / (centred**2).sum())
    if len(known) < 3:
        return Interval(value=slope, ci_low=slope, ci_high=slope)
    residuals = y - y.mean() - slope * centred
    error = math.sqrt(float((residuals**2).sum()) / (len(known) - 2) / float((centred**2).sum()))
    reach = float(special.stdtrit(len(known) - 2, (1 + CONFIDENCE) / 2)) * error
    return Interval(value=slope, ci_low=slope - reach, ci_high=slope + reach)


@dataclass(frozen=True, slots=True)
class ReductionAt:
    """How much less the candidate needs at a size, as a fraction of the reference."""

    size: int
    requests: int
    reduction: float
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class ClaimBySize:
    """A claim at every size, and from how many requests on it holds; None if it does not at the largest."""

    claim: ClaimedReduction
    at: tuple[ReductionAt, ...]
    holds_from: int | None


def claims_of(scenario: Scenario) -> tuple[ClaimedReduction, ...]:
    """Those claims of a scenario that speak of a whole run's statements, memory or time in percent."""
    found = []
    for claim in scenario.claims:
        measure, claimed = _CLAIMED.get(claim.metric), claim.claimed
        if measure and claim.stage == RUN:
            match claimed:
                case Reduction(low, high):
                    pass
                case AtLeast(low):
                    high = 100.0
                case _:
                    continue
            found.append(
                ClaimedReduction(id=claim.id, quote=claim.quote, measure=measure, low=low, high=high)
            )
    return tuple(found)


def claims_by_size(record: ScaleRecord) -> tuple[ClaimBySize, ...]:
    """Each claim; it holds from the size on at which, and above which, its range is reached everywhere."""
    found = []
    for claim in record.claims:
        at = tuple(reductions(record, claim.measure))
        reached = [each.reduction * 100 >= claim.low for each in at]
        since = next((n for n in range(len(at)) if all(reached[n:])), None)
        found.append(ClaimBySize(claim, at, None if since is None else at[since].requests))
    return tuple(found)


def reductions(record: ScaleRecord, measure: str) -> Iterable[ReductionAt]:
    """At each size where both arms have the measure."""
    reference, candidate = record.arms[:2]
    by_arm = {(point.arm, point.size, point.requests): point for point in record.points}
    for point in record.points:
        if point.arm != reference:
            continue
        other = by_arm.get((candidate, point.size, point.requests))
        before, after = getattr(point, measure), getattr(other, measure) if other else None
        if before and after is not None and other:
            extrapolated = point.extrapolated or other.extrapolated
            yield ReductionAt(point.size, point.requests, 1 - after / before, extrapolated)


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Limit / arm, of a step or a whole run at a size: by wall time, and by processor time of both sides."""

    size: int
    requests: int
    arm: str
    step: str
    limit_s: float
    seconds: float
    by_cpu: float | None
    blocks: int

    @property
    def by_wall(self) -> float:
        """1 is the limit itself."""
        return self.limit_s / self.seconds


def efficiencies(record: ScaleRecord) -> tuple[Efficiency, ...]:
    """Medians over blocks, for the candidate and its variants, at each size where the limit was taken."""
    groups: dict[tuple[int, int, str], list[Turned]] = defaultdict(list)
    for turn in record.turns:
        if turn.part == "limit":
            groups[turn.requests, turn.size, _named(turn)].append(turn)
    found = []
    for (requests, size, name), turns in sorted(groups.items()):
        limits = groups.get((requests, size, LIMIT), [])
        if name == LIMIT or not limits:
            continue
        for step in (*(each.step for each in turns[0].steps), RUN):
            limit_s, seconds = (median(_seconds(turn, step) for turn in group) for group in (limits, turns))
            cpus = [[turn.cpu_s for turn in group] for group in (limits, turns)]
            by_cpu = None
            if step == RUN and all(value for values in cpus for value in values):
                by_cpu = median(filter(None, cpus[0])) / median(filter(None, cpus[1]))
            found.append(Efficiency(size, requests, name, step, limit_s, seconds, by_cpu, len(turns)))
    return tuple(found)


def _seconds(turn: Turned, step: str) -> float:
    if step == RUN:
        return turn.seconds
    return next(each.seconds for each in turn.steps if each.step == step)
