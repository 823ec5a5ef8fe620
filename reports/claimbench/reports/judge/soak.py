"""The soak record, version `claimbench.soak/1`, and its judgement: what grew, failed or got lost."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from claimbench.errors import ExitCode
from claimbench.reports.record.load import Generated, Latency, SeriesPoint
from claimbench.reports.record.run import Frozen, Scalar

SOAK_SCHEMA: Final = "claimbench.soak/1"
RECOVERY_S = 10.0


class SoakSample(Frozen):
    """One look, `at_s` seconds after the load began; None where the database did not answer.

    `memory_bytes` is the service's resident memory, `pending` the requests that wait for a batch,
    `unfinished` all that have no result yet. Connections and locks are the database's, ours left out.
    """

    at_s: float
    memory_bytes: int
    connections: int | None
    locks: int | None
    pending: int | None
    unfinished: int | None


class Restart(Frozen):
    """Of the database: when it was told to, when it answered again, and when the pipeline stored a result."""

    at_s: float
    answered_at_s: float
    stored_at_s: float | None


class Kept(Frozen):
    """The books of what was submitted, in sessions: acknowledged by the service, unsure, and in the database.

    Unsure ones failed on their way back, so that they may have been stored. `requests` were judged by the
    oracle; `violated` counts its sentences, `violations` are the first of them.
    """

    acknowledged: int
    unsure: int
    stored: int
    requests: int
    completed: int
    given_up: int
    batches: int
    violated: int
    drained_after_s: float | None
    """How long after the load the last request was done; None when it never was."""
    violations: tuple[str, ...]


class SoakAsked(Frozen):
    """What was asked for. `capacity_per_s` is None where the rate was given."""

    name: str
    sha256: str
    pipeline: str
    rate_per_s: float
    capacity_per_s: float | None
    share: float
    duration_s: float
    faults: tuple[str, ...]
    rtt_ms: float
    failed_share_max: float


class Finding(Frozen):
    """One thing that a soak must show: what was allowed, what was seen, and whether that holds."""

    name: str
    allowed: str
    measured: str
    holds: bool


class SoakVerdict(Frozen):
    """Of the whole run; `exit_code` is what the process ended with."""

    value: Literal["pass", "fail", "invalid", "lost"]
    exit_code: int
    reason: str


class Soaked(Frozen):
    """What was seen, not judged yet. `problems` make the run invalid."""

    asked: SoakAsked
    generated: Generated
    samples: tuple[SoakSample, ...]
    restart: Restart
    kept: Kept
    end_to_end: Latency
    problems: tuple[str, ...]


class SoakRecord(Frozen):
    """One soak: `soak.json` holds exactly this."""

    schema_: Literal["claimbench.soak/1"] = Field(default=SOAK_SCHEMA, alias="schema")
    claimbench: str
    started_at: str
    command: str
    environment: dict[str, Scalar]
    soaked: Soaked
    findings: tuple[Finding, ...]
    verdict: SoakVerdict


@dataclass(frozen=True, slots=True)
class Growth:
    """What must not grow: how to read it, by how much the last quarter may exceed the second one."""

    name: str
    read: Callable[[SoakSample], int | None]
    share: float
    floor: float
    unit: float = 1.0


GROWTHS = (
    Growth("memory of the service (MB)", lambda sample: sample.memory_bytes, 0.10, 5e6, 1e6),
    Growth("connections to the database", lambda sample: sample.connections, 0.10, 2),
    Growth("locks in the database", lambda sample: sample.locks, 0.25, 20),
    Growth("requests that wait for a batch", lambda sample: sample.pending, 0.25, 50),
    Growth("requests without a result", lambda sample: sample.unfinished, 0.25, 200),
)
"""The second quarter is warm and before the restart, the last one after it; of each the median counts."""


def findings(soaked: Soaked) -> tuple[Finding, ...]:
    """Growth, errors, recovery, and that nothing was lost."""
    return (
        *(_growth(each, soaked.samples) for each in GROWTHS),
        *_errors(soaked),
        *_recovery(soaked.restart),
        *_books(soaked.kept),
    )


def verdict(soaked: Soaked, found: Sequence[Finding]) -> SoakVerdict:
    """Lost or doubled work weighs most, then an unfit generator, then what grew or failed."""
    broken = [finding.name for finding in found if not finding.holds]
    if soaked.kept.violations:
        reason = soaked.kept.violations[0]
        return SoakVerdict(value="lost", exit_code=ExitCode.NOT_EQUIVALENT, reason=reason)
    if soaked.problems:
        return SoakVerdict(
            value="invalid", exit_code=ExitCode.INCONCLUSIVE, reason="; ".join(soaked.problems)
        )
    if broken:
        return SoakVerdict(value="fail", exit_code=ExitCode.REFUTED, reason=", ".join(broken))
    return SoakVerdict(value="pass", exit_code=ExitCode.OK, reason=f"all {len(found)} findings hold")


def _growth(growth: Growth, samples: Sequence[SoakSample]) -> Finding:
    quarter = len(samples) // 4
    early = _median(growth, samples[quarter : 2 * quarter])
    late = _median(growth, samples[3 * quarter :])
    if early is None or late is None:
        return Finding(name=f"no growth: {growth.name}", allowed="", measured="not measured", holds=False)
    limit = early + max(growth.share * early, growth.floor)
    return Finding(
        name=f"no growth: {growth.name}",
        allowed=f"≤ {limit / growth.unit:,.0f}",
        measured=f"{early / growth.unit:,.0f} → {late / growth.unit:,.0f}",
        holds=late <= limit,
    )


def _median(growth: Growth, samples: Sequence[SoakSample]) -> float | None:
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
    yield Finding(
        name="errors outside the restart",
        allowed=f"≤ {most:,.0f} of {total.arrivals:,}",
        measured=f"{rest:,}",
        holds=rest <= most,
    )
    yield Finding(
        name="errors around the restart end",
        allowed=f"within {RECOVERY_S:g} s",
        measured=f"{burst.failed:,} in {burst.seconds:g} s",
        holds=burst.seconds <= RECOVERY_S,
    )


def _recovery(restart: Restart) -> Iterator[Finding]:
    stored = restart.stored_at_s
    measured = "never" if stored is None else f"{stored - restart.at_s:.1f} s"
    away_s = restart.answered_at_s - restart.at_s
    yield Finding(
        name="results are stored again after the restart",
        allowed=f"within {RECOVERY_S:g} s",
        measured=f"{measured} (the database was away for {away_s:.1f} s)",
        holds=stored is not None and stored - restart.at_s <= RECOVERY_S,
    )


def _books(kept: Kept) -> Iterator[Finding]:
    most = kept.acknowledged + kept.unsure
    yield Finding(
        name="sessions stored that were acknowledged",
        allowed=f"{kept.acknowledged:,}" + (f" to {most:,}" if kept.unsure else ""),
        measured=f"{kept.stored:,}",
        holds=kept.acknowledged <= kept.stored <= most,
    )
    drained = kept.drained_after_s
    yield Finding(
        name="every request came to its end",
        allowed="yes",
        measured="no" if drained is None else f"{drained:.0f} s after the load",
        holds=drained is not None,
    )
    yield Finding(
        name="the oracle's invariants",
        allowed="none violated",
        measured=f"{kept.violated} violated; {kept.requests:,} requests in {kept.batches:,} batches",
        holds=not kept.violated,
    )
