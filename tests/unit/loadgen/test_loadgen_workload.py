"""The workload: which stage is called when, on simulated time."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine

from claimbench.impl.company_cache import CacheCounter
from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import ByStage, PipelineStats, Stage, StageReport
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.workloads.batch_pipeline.clock import SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.session import BatchSession
from claimbench.loadgen.workloads.batch_pipeline.timetable import arithmetic_of_hits, timetable
from claimbench.loadgen.workloads.batch_pipeline.workload import STEPS
from claimbench.loadgen.workloads.port import StepDone, drive, unobserved

START = datetime(2026, 1, 1, tzinfo=UTC)


class ScriptedPipeline(ByStage):
    """A `Pipeline` that only remembers when it was called for what."""

    def __init__(self) -> None:
        self.calls: list[tuple[Stage, datetime]] = []

    def take(self, stage: Stage, now: datetime) -> StageReport:
        self.calls.append((stage, now))
        return StageReport(stage)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        return PipelineStats({}, {}, None, 0, 0.0)


def session_of(pipeline: ScriptedPipeline) -> BatchSession:
    engine = create_engine("postgresql+psycopg://")  # never connected to
    fake = FakeOpenAI(seed=1, clock=START.timestamp)
    return BatchSession(engine, pipeline, SimulatedClock(START), fake, timedelta(minutes=10))


def test_a_scheduler_run_takes_the_four_stages_in_order_at_one_time() -> None:
    pipeline = ScriptedPipeline()

    drive(session_of(pipeline), STEPS, 1, unobserved)

    assert pipeline.calls == [(stage, START) for stage in Stage]


def test_runs_are_a_step_apart_and_the_observer_sees_each_stage() -> None:
    pipeline, seen = ScriptedPipeline(), list[StepDone]()

    drive(session_of(pipeline), STEPS, 3, seen.append)

    assert [now - START for _, now in pipeline.calls[::4]] == [timedelta(minutes=m) for m in (0, 10, 20)]
    assert seen == [StepDone(run, stage) for run in range(3) for stage in STEPS]


def test_an_hour_of_the_documents_timetable_has_108_stages() -> None:
    stages = [stage for _, stage in timetable(timedelta(hours=1))]

    counts = [stages.count(stage) for stage in Stage]
    assert counts == [12, 30, 60, 6]


def test_the_rate_of_cache_hits_is_arithmetic_of_the_timetable_and_the_life_of_an_entry() -> None:
    told = arithmetic_of_hits(timedelta(hours=1), timedelta(minutes=5))

    assert "89.7 % (96 of 107) where stages come every 5, 2, 1, 10 min" in told
    assert "95.4 % (228 of 239) where all stages come each minute" in told
    assert "78.3 % (18 of 23) where whole runs come every 10 min" in told
    assert told.startswith("in 60 min, with entries that live 5 min, hits / look-ups are ")


def test_the_timetable_goes_forward_in_time() -> None:
    offsets = [offset for offset, _ in timetable(timedelta(minutes=11))]

    assert offsets == sorted(offsets)


def test_the_first_lookup_is_the_warm_up_and_does_not_count() -> None:
    use = CacheCounter(uncounted_lookups=1)
    for kind in (EventKind.CACHE_MISS, EventKind.CACHE_HIT, EventKind.CACHE_HIT, EventKind.CACHE_MISS):
        use(Event(kind))

    assert use.counts.hit_rate == 2 / 3


def test_a_pipeline_without_a_cache_has_no_hit_rate() -> None:
    use = CacheCounter(uncounted_lookups=1)
    use(Event(EventKind.API_ERROR))

    assert use.counts.hit_rate is None
