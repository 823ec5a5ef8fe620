"""Scale records made by hand: an arm whose every measure is in proportion, and one that stands still."""

from claimbench.reports.judge.scale import AskedSize, points_of, verdict_of
from claimbench.reports.record.scale import (
    ClaimedReduction,
    IndexFacts,
    Part,
    ScaleRecord,
    StatementUse,
    StepReading,
    Turned,
)

STEPS = ("create_batches", "check_statuses", "process_results", "retry_failed")
SIZES = (AskedSize(10, 1_000), AskedSize(10, 10_000), AskedSize(100, 100_000))
CLAIM = ClaimedReduction(
    id="memory", quote="40-60 % less memory", measure="peak_memory_bytes", low=40, high=60
)


def turned(
    arm: str,
    size: AskedSize,
    seconds: float,
    *,
    part: Part = "points",
    outside: bool = True,
    peak: int = 1_000_000,
    round_trips: int | None = None,
    variant: str = "",
    left: str = "alike",
) -> Turned:
    steps = tuple(
        StepReading(
            step=step,
            seconds=seconds / 4,
            client_cpu_s=seconds / 16,
            server_cpu_s=seconds / 8,
            round_trips=None if round_trips is None else round_trips // 4,
            statements=None if round_trips is None else round_trips // 8,
            row_bytes=None if round_trips is None else 100 * round_trips,
        )
        for step in STEPS
    )
    return Turned(
        part=part,
        arm=arm,
        variant=variant,
        size=size.size,
        requests=size.requests,
        service="fake" if outside else "none",
        steps=steps,
        peak_memory_bytes=peak,
        rows=size.requests * 4,
        wal_bytes=size.requests * 900,
        executions=round_trips,
        left=left,
        sent="",
    )


def naive(size: AskedSize, **more: object) -> list[Turned]:
    seconds, peak = size.requests / 500, size.requests * 4_000
    outside = turned("naive", size, seconds, peak=peak, **more)  # type: ignore[arg-type]
    counted = turned("naive", size, seconds, outside=False, round_trips=4 * size.requests, left="alike")
    return [outside, counted]


def optimized(size: AskedSize) -> list[Turned]:
    outside = turned("optimized", size, size.requests / 8_000, peak=3_000_000)
    counted = turned("optimized", size, size.requests / 9_000, outside=False, round_trips=40)
    return [outside, counted]


def the_turns() -> list[Turned]:
    """The naive arm up to 10,000 requests; the limit beside the optimized one at the largest size."""
    small = [turn for size in SIZES[:2] for turn in (*naive(size), *optimized(size))]
    beside = [
        turned("limit", SIZES[2], 4.0, part="limit", outside=False),
        turned("optimized", SIZES[2], 5.0, part="limit", outside=False),
        turned("optimized", SIZES[2], 8.0, part="limit", outside=False, variant="one connection"),
    ]
    return [*small, *optimized(SIZES[2]), *beside]


def scale_record(turns: list[Turned] | None = None) -> ScaleRecord:
    taken = the_turns() if turns is None else turns
    return ScaleRecord(
        claimbench="0.1.0",
        started_at="2026-11-28T12:00:00+00:00",
        command="claimbench scale --points 10x100,10x1000,100x1000",
        scenario="scale",
        sha256="0" * 64,
        environment={"cores": 2},
        arms=("naive", "optimized"),
        claims=(CLAIM,),
        points=points_of(taken, ("naive", "optimized"), SIZES),
        turns=tuple(taken),
        indexes=(IndexFacts(indexes="none", bytes=0, hot_share=0.086, plans=("for what: a scan, 9 pages",)),),
        verdict=verdict_of(taken, ()),
    )


def of_all_parts() -> list[Turned]:
    """With studies: two strategies and both arms' times at two round-trip times."""
    size = AskedSize(20, 800)
    studied = []
    for variant, trips, seconds in (("none", 800, 2.0), ("only cache", 780, 1.9), ("all", 40, 0.5)):
        counted = turned("optimized", size, seconds, part="ablation", outside=False, round_trips=trips)
        timed = turned("optimized", size, seconds, part="ablation", outside=False)
        studied += [each.model_copy(update={"variant": variant}) for each in (counted, timed)]
    for arm, trips, base_s in (("naive", 600, 1.0), ("optimized", 40, 0.2)):
        part: Part = "round_trip_times"
        studied.append(turned(arm, size, base_s, part=part, outside=False, round_trips=trips))
        for rtt_ms in (0.0, 1.0, 5.0):
            seconds = base_s + 1.02 * trips * rtt_ms / 1000
            timed = turned(arm, size, seconds, part=part, outside=False)
            studied.append(timed.model_copy(update={"rtt_ms": rtt_ms}))
    waits = turned("optimized", size, 4.0, part="where")
    steps = [step.model_copy(update={"database_s": 0.5, "api_s": 0.2, "both_s": 0.1}) for step in waits.steps]
    use = StatementUse(text="SELECT 1", calls=3, rows=3, blocks=9, wal_bytes=0, seconds=0.25)
    waited = waits.model_copy(update={"steps": tuple(steps), "statements": (use,)})
    return [*the_turns(), *studied, turned("optimized", size, 1.0, part="indexes", variant="none"), waited]
