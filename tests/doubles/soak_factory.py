"""A made-up soak that keeps everything, for the tests of judgement and pages."""

from load_factory import simulated, times
from pydantic import TypeAdapter

from claimbench.reports.judge.soak import findings, verdict
from claimbench.reports.record.soak import Accounting, Restart, SoakAsked, Soaked, SoakRecord, SoakSample


def sample(at_s: float, **changes: int | None) -> SoakSample:
    usual = {"memory_bytes": 100_000_000, "connections": 8, "locks": 10, "pending": 5, "unfinished": 40}
    return TypeAdapter(SoakSample).validate_python({"at_s": at_s, **usual, **changes})


KEPT = Accounting(
    acknowledged=100,
    unsure=2,
    stored=101,
    requests=400,
    completed=390,
    given_up=10,
    batches=20,
    violated=0,
    drained_after_s=3.0,
    violations=(),
)
GOOD = Soaked(
    asked=SoakAsked(
        name="soak",
        sha256="0" * 64,
        pipeline="optimized",
        rate_per_s=50,
        capacity_per_s=71,
        share=0.7,
        duration_s=12,
        faults=("cancel",),
        rtt_ms=1,
        failed_share_max=0.001,
    ),
    generated=simulated(5, 1),
    samples=tuple(sample(at) for at in range(12)),
    restart=Restart(at_s=6, answered_at_s=7, stored_at_s=8),
    kept=KEPT,
    end_to_end=times(0.5, 1),
    problems=(),
)


def record(soaked: Soaked) -> SoakRecord:
    found = findings(soaked)
    return SoakRecord(
        schema="claimbench.soak/2",
        claimbench="0.1.0",
        started_at="2026-01-15T12:00:00+00:00",
        command="claimbench soak soak",
        environment={"server": "PostgreSQL <18>"},
        soaked=soaked,
        findings=found,
        verdict=verdict(soaked, found),
    )
