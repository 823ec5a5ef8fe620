"""The highest rate within an objective: up in strides, then halve the gap. Pure; trying is given."""

import math
from collections.abc import Callable

from claimbench.reports.record.load import CapacityPoint, CapacityRecord, Generated, Latency
from claimbench.scenarios.load import CapacitySearch, Objective

STRIDE = 4
"""Each rate by the one before, on the way up: few steps, as the gap is halved anyway."""

Try = Callable[[float], CapacityPoint]


def search(arm: str, limits: CapacitySearch, try_rate: Try) -> CapacityRecord:
    """Try rates from the lowest on, each `STRIDE` times the last, until one breaks or the highest holds.

    Then the geometric middle between the best that held and the least that broke, until they are within
    the precision. Rates are per second; every rate that was tried is in the record.
    """
    points: list[CapacityPoint] = []

    def holds(rate: float) -> bool:
        points.append(try_rate(rate))
        return not points[-1].broken

    held, broke = _bracket(limits, holds)
    while held is not None and broke is not None and broke / held > 1 + limits.precision:
        middle = math.sqrt(held * broke)
        held, broke = (middle, broke) if holds(middle) else (held, middle)
    return CapacityRecord(arm=arm, rate_per_s=held, is_ceiling=broke is None, points=tuple(points))


def _bracket(limits: CapacitySearch, holds: Callable[[float], bool]) -> tuple[float | None, float | None]:
    """The highest rate that held and the lowest that broke, None where there is none."""
    held: float | None = None
    rate = limits.lowest
    while holds(rate):
        held = rate
        if rate >= limits.highest:
            return held, None
        rate = min(rate * STRIDE, limits.highest)
    return held, rate


def point(
    rate_per_s: float, generated: Generated, end_to_end: Latency | None, objective: Objective
) -> CapacityPoint:
    """What a step at this rate showed, and which objective it broke, the first one named."""
    total = generated.total
    failed = total.failed + total.dropped
    share = failed / total.arrivals if total.arrivals else 0.0
    ended = end_to_end.p95_ms if end_to_end and end_to_end.count else None
    found = CapacityPoint(
        rate_per_s=rate_per_s,
        completed_per_s=(total.completed - total.failed) / generated.duration_s,
        response_p95_ms=total.response.p95_ms,
        lag_p99_ms=total.lag.p99_ms,
        end_to_end_p95_ms=ended,
        failed_share=share,
        broken="",
    )
    return found.model_copy(update={"broken": broken(found, objective)})


def broken(tried: CapacityPoint, objective: Objective) -> str:
    """The first objective that this point broke, in words; empty if none."""
    limits_ms = (
        ("p95 of the response", tried.response_p95_ms, objective.response_p95),
        ("p95 end to end", tried.end_to_end_p95_ms or 0.0, objective.end_to_end_p95),
        ("p99 of the lag", tried.lag_p99_ms, objective.lag_p99),
    )
    for name, value_ms, limit in limits_ms:
        limit_ms = limit.total_seconds() * 1000
        if value_ms > limit_ms:
            return f"{name} {value_ms:,.0f} ms > {limit_ms:,.0f} ms"
    if tried.failed_share > objective.failed:
        return f"{tried.failed_share:.1%} failed or dropped > {objective.failed:.1%}"
    return ""
