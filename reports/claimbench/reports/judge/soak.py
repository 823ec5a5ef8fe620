"""What a soak must show: that nothing grew, that errors ended with the outage, and that nothing got lost."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from claimbench.reports.record.load import SeriesPoint
from claimbench.reports.record.soak import Accounting, Restart, Soaked, SoakSample
from claimbench.reports.record.values import Finding, Verdict, VerdictValue

PASS, FAIL = VerdictValue.PASS, VerdictValue.FAIL
RECOVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class GrowthLimit:
    """What must not grow: how to read it, by how much the last quarter may exceed the second one."""

    name: str
    read: Callable[[SoakSample], int | None]
    share: float
    floor: float
    unit: float = 1.0


GROWTH_LIMITS = (
    GrowthLimit("memory of the service (MB)", lambda sample: sample.memory_bytes, 0.10, 5e6, 1e6),
    GrowthLimit("connections to the database", lambda sample: sample.connections, 0.10, 2),
    GrowthLimit("locks in the database", lambda sample: sample.locks, 0.25, 20),
    GrowthLimit("requests that wait for a batch", lambda sample: sample.pending, 0.25, 50),
    GrowthLimit("requests without a result", lambda sample: sample.unfinished, 0.25, 200),
)
"""The second quarter is warm and before the restart, the last one after it; of each the median counts."""


def findings(soaked: Soaked) -> tuple[Finding, ...]:
    """Growth, errors, recovery, and that nothing was lost."""
    return (
        *(_growth(each, soaked.samples) for each in GROWTH_LIMITS),
        *_errors(soaked),
        *_recovery(soaked.restart),
        *_books(soaked.kept),
    )


def verdict(soaked: Soaked, found: Sequence[Finding]) -> Verdict:
    """Lost or doubled work weighs most, then an unfit generator, then what grew or failed."""
    broken = [finding.subject for finding in found if finding.value is VerdictValue.FAIL]
    if soaked.kept.violations:
        return Verdict.of(VerdictValue.LOST, soaked.kept.violations[0])
    if soaked.problems:
        return Verdict.of(VerdictValue.INVALID, "; ".join(soaked.problems))
    if broken:
        return Verdict.of(VerdictValue.FAIL, ", ".join(broken))
    return Verdict.of(VerdictValue.PASS, f"all {len(found)} findings hold")


def _finding(subject: str, allowed: str, seen: str, value: VerdictValue) -> Finding:
    reason = "as allowed" if value is VerdictValue.PASS else "not as allowed"
    return Finding(subject=subject, rule=allowed, value=value, measured=seen, reason=reason)


def _growth(growth: GrowthLimit, samples: Sequence[SoakSample]) -> Finding:
    quarter = len(samples) // 4
    early = _median(growth, samples[quarter : 2 * quarter])
    late = _median(growth, samples[3 * quarter :])
    if early is None or late is None:
        return _finding(
            subject=f"no growth: {growth.name}", allowed="", seen="not measured", value=VerdictValue.FAIL
        )
    limit = early + max(growth.share * early, growth.floor)
    return _finding(
        subject=f"no growth: {growth.name}",
        allowed=f"≤ {limit / growth.unit:,.0f}",
        seen=f"{early / growth.unit:,.0f} → {late / growth.unit:,.0f}",
        value=PASS if late <= limit else FAIL,
    )


def _median(growth: GrowthLimit, samples: Sequence[SoakSample]) -> float | None:
    values = [value for sample in samples if (value := growth.read(sample)) is not None]
    return statistics.median(values) if values else None


@dataclass(frozen=True, slots=True)
class Burst:
    """The stretch of `RECOVERY_S` seconds with the most failures."""

    failed: int
    seconds: float
    """From its first failed arrival to its last."""


def worst_burst(series: Sequence[SeriesPoint], window_s: float) -> Burst:
    """The most failures within the time that a recovery may take, and how long they went on."""
    broken = [point for point in series if point.failed + point.dropped]
    best = Burst(0, 0.0)
    for first in broken:
        inside = [point for point in broken if 0 <= point.at_s - first.at_s < RECOVERY_S]
        failed = sum(point.failed + point.dropped for point in inside)
        if failed > best.failed:
            best = Burst(failed, inside[-1].at_s + window_s - first.at_s)
    return best


def _errors(soaked: Soaked) -> Iterator[Finding]:
    total = soaked.generated.total
    burst = worst_burst(soaked.generated.series, soaked.generated.window_s)
    rest = total.failed + total.dropped - burst.failed
    most = soaked.asked.failed_share_max * total.arrivals
    yield _finding(
        subject="errors outside the restart",
        allowed=f"≤ {most:,.0f} of {total.arrivals:,}",
        seen=f"{rest:,}",
        value=PASS if rest <= most else FAIL,
    )
    yield _finding(
        subject="errors around the restart end",
        allowed=f"within {RECOVERY_S:g} s",
        seen=f"{burst.failed:,} in {burst.seconds:g} s",
        value=PASS if burst.seconds <= RECOVERY_S else FAIL,
    )


def _recovery(restart: Restart) -> Iterator[Finding]:
    stored = restart.stored_at_s
    measured = "never" if stored is None else f"{stored - restart.at_s:.1f} s"
    away_s = restart.answered_at_s - restart.at_s
    yield _finding(
        subject="results are stored again after the restart",
        allowed=f"within {RECOVERY_S:g} s",
        seen=f"{measured} (the database was away for {away_s:.1f} s)",
        value=VerdictValue.PASS if stored is not None and stored - restart.at_s <= RECOVERY_S else FAIL,
    )


def _books(kept: Accounting) -> Iterator[Finding]:
    most = kept.acknowledged + kept.unsure
    yield _finding(
        subject="sessions stored that were acknowledged",
        allowed=f"{kept.acknowledged:,}" + (f" to {most:,}" if kept.unsure else ""),
        seen=f"{kept.stored:,}",
        value=PASS if kept.acknowledged <= kept.stored <= most else FAIL,
    )
    drained = kept.drained_after_s
    yield _finding(
        subject="every request came to its end",
        allowed="yes",
        seen="no" if drained is None else f"{drained:.0f} s after the load",
        value=PASS if drained is not None else FAIL,
    )
    yield _finding(
        subject="the oracle's invariants",
        allowed="none violated",
        seen=f"{kept.violated} violated; {kept.requests:,} requests in {kept.batches:,} batches",
        value=PASS if not kept.violated else FAIL,
    )
