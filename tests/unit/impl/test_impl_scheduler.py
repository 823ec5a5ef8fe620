"""The scheduler's books and timers; no test waits for a minute."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import INTERVALS, ByStage, PipelineStats, Stage, StageReport
from claimbench.impl.scheduler import (
    NamedPipeline,
    PipelineScheduler,
    PipelineSource,
    SchedulerState,
    StageRunner,
    Timetable,
)
from claimbench.impl.service.activity import Observer
from claimbench.impl.service.telemetry import Telemetry
from claimbench.impl.stage_events import FallbackEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time


class PlayedPipeline(ByStage):
    """Fails while `broken`; waits at a gate while there is one."""

    def __init__(self) -> None:
        self.broken = False
        self.taken: list[tuple[Stage, datetime]] = []
        self.entered, self.gate = threading.Event(), threading.Event()
        self.gate.set()
        self.finished = 0

    def take(self, stage: Stage, now: datetime) -> StageReport:
        self.taken.append((stage, now))
        self.entered.set()
        assert self.gate.wait(10)
        self.finished += 1
        if self.broken:
            raise RuntimeError("the database is away\nsecond line")
        return StageReport(stage, claimed=1)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        return PipelineStats({}, {}, None, 0, 0.0)


def named(pipeline: PlayedPipeline) -> PipelineSource:
    return lambda: NamedPipeline("played", pipeline)


class KeptLog:
    """An operations log that keeps the details of its lines."""

    def __init__(self) -> None:
        self.details: list[str] = []

    def note(self, operation: str, detail: str, **_: object) -> None:
        self.details.append(detail)


def test_the_intervals_are_those_of_the_document() -> None:
    minutes = [interval // timedelta(minutes=1) for interval in INTERVALS.values()]

    assert (tuple(INTERVALS), minutes) == (tuple(Stage), [5, 2, 1, 10])


def test_a_stage_is_given_the_time_of_the_clock() -> None:
    pipeline = PlayedPipeline()

    StageRunner(named(pipeline), Timetable(), HandClock()).run(Stage.RETRY_FAILED)

    assert pipeline.taken == [(Stage.RETRY_FAILED, START)]


def test_five_errors_in_a_row_lead_to_a_rest_of_fifteen_minutes() -> None:
    pipeline, clock, events = PlayedPipeline(), HandClock(), list[Event]()
    runner = StageRunner(named(pipeline), Timetable(), clock, events.append)
    pipeline.broken = True
    for _ in range(5):
        runner.run(Stage.CREATE_BATCHES)

    assert runner.run(Stage.CHECK_STATUSES) is None
    assert len(pipeline.taken) == 5
    health = runner.health(SchedulerState.RUNNING)
    assert (health.state, health.paused_until) == (SchedulerState.RESTING, START + timedelta(minutes=15))
    assert EventKind.SCHEDULER_RESTS in [event.kind for event in events]


def test_work_goes_on_after_the_rest() -> None:
    pipeline, clock = PlayedPipeline(), HandClock()
    runner = StageRunner(named(pipeline), Timetable(), clock)
    pipeline.broken = True
    for _ in range(5):
        runner.run(Stage.CREATE_BATCHES)
    pipeline.broken = False
    clock.time += timedelta(minutes=15)

    assert runner.run(Stage.CREATE_BATCHES) == StageReport(Stage.CREATE_BATCHES, claimed=1)


def test_a_clock_that_was_set_back_does_not_prolong_the_rest() -> None:
    pipeline, clock = PlayedPipeline(), HandClock()
    runner = StageRunner(named(pipeline), Timetable(), clock)
    pipeline.broken = True
    for _ in range(5):
        runner.run(Stage.CREATE_BATCHES)
    clock.time -= timedelta(days=1)
    runner.run(Stage.CREATE_BATCHES)

    assert len(pipeline.taken) == 6


def test_a_success_ends_the_row_of_errors() -> None:
    pipeline = PlayedPipeline()
    runner = StageRunner(named(pipeline), Timetable(), HandClock())
    for broken in (True, True, True, True, False, True):
        pipeline.broken = broken
        runner.run(Stage.CREATE_BATCHES)

    assert runner.health(SchedulerState.RUNNING).errors_in_a_row == 1


def test_an_error_is_told_in_one_line_with_its_stage() -> None:
    pipeline = PlayedPipeline()
    pipeline.broken = True
    runner = StageRunner(named(pipeline), Timetable(), HandClock())
    runner.run(Stage.CREATE_BATCHES)

    [told] = [one for one in runner.health(SchedulerState.RUNNING).stages if one.errors]
    assert told.last_error == "create_batches: RuntimeError: the database is away"


def test_each_stage_has_a_timer_that_never_overlaps_itself() -> None:
    scheduler = PipelineScheduler(named(PlayedPipeline()))
    scheduler.start()
    try:
        timers = scheduler.timers()
    finally:
        scheduler.stop()

    assert {timer.stage: timer.interval for timer in timers} == dict(INTERVALS)
    assert {timer.at_once_max for timer in timers} == {1}


def test_a_paused_scheduler_says_so_and_goes_on_when_told() -> None:
    scheduler = PipelineScheduler(named(PlayedPipeline()))
    scheduler.start()
    states = [scheduler.health().state]
    scheduler.pause()
    states.append(scheduler.health().state)
    scheduler.resume()
    states.append(scheduler.health().state)
    scheduler.stop()

    assert states == [SchedulerState.RUNNING, SchedulerState.PAUSED, SchedulerState.RUNNING]


def test_a_stop_in_mid_run_waits_for_the_stage_and_starts_no_other() -> None:
    pipeline = PlayedPipeline()
    pipeline.gate.clear()
    scheduler = PipelineScheduler(
        named(pipeline), Timetable(intervals={Stage.CREATE_BATCHES: timedelta(minutes=5)})
    )
    scheduler.start()
    assert pipeline.entered.wait(10)
    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    assert stopping.is_alive()
    pipeline.gate.set()
    stopping.join(10)

    assert (pipeline.finished, stopping.is_alive()) == (1, False)
    assert scheduler.health().state is SchedulerState.STOPPED


@pytest.mark.parametrize("factor", [1.0, 60.0])
def test_a_faster_timetable_keeps_its_proportions(factor: float) -> None:
    faster = Timetable().faster(factor)

    assert faster.intervals[Stage.RETRY_FAILED] == timedelta(minutes=10) / factor
    assert faster.pause_after_errors == timedelta(minutes=15) / factor


def test_the_observer_adds_up_what_the_events_tell() -> None:
    log = KeptLog()
    observer = Observer(log, Telemetry())  # type: ignore[arg-type]  # it has what an observer calls
    pipeline = PlayedPipeline()
    ticks = iter([0.0, 2.0, 2.0, 5.0, 6.0, 7.0])
    runner = StageRunner(named(pipeline), Timetable(), HandClock(), observer.event, lambda: next(ticks, 8.0))
    runner.run(Stage.CREATE_BATCHES)
    for kind in (EventKind.CACHE_MISS, *[EventKind.CACHE_HIT] * 3):
        observer.event(Event(kind))
    observer.event(FallbackEvent(EventKind.FALLBACK, "why", stage=Stage.CREATE_BATCHES, resumed="at once"))

    counters = observer.counters
    [figures] = [one for one in counters.operations() if one.runs]
    assert (figures.runs, figures.claimed, figures.max_ms / 1000) == (1, 1, 2.0)
    fallbacks = {one.kind: one.count for one in counters.events()}["fallback"]
    assert (counters.cache().hit_rate, fallbacks) == (0.75, 1)
    assert log.details[-1] == "why"
