"""Runs the four stages at the document's intervals, pauses after errors, stops between stages."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from claimbench.impl.events import Event, EventKind, EventSink, ignore
from claimbench.impl.ports import INTERVALS, Clock, Pipeline, Stage, StageReport
from claimbench.impl.stage_events import StageEvent, time_stage


class SystemClock:
    """The real time, in UTC."""

    def now(self) -> datetime:
        """The present."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Timetable:
    """When stages run. `jitter` spreads several schedulers; all durations are real time."""

    intervals: Mapping[Stage, timedelta] = field(default_factory=lambda: INTERVALS)
    jitter: timedelta = timedelta(seconds=10)
    errors_in_a_row_max: int = 5
    pause_after_errors: timedelta = timedelta(minutes=15)

    def faster(self, factor: float) -> "Timetable":
        """The same timetable, so many times as fast."""
        return Timetable(
            intervals={stage: interval / factor for stage, interval in self.intervals.items()},
            jitter=self.jitter / factor,
            errors_in_a_row_max=self.errors_in_a_row_max,
            pause_after_errors=self.pause_after_errors / factor,
        )


class SchedulerState(StrEnum):
    """What a scheduler does. `resting` is the pause after too many errors; `paused` was asked for."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class StageHealth:
    """How one stage fares. Missed: its time went by; overlapped: its last run was still at work."""

    stage: Stage
    runs: int = 0
    errors: int = 0
    missed: int = 0
    overlapped: int = 0
    running: int = 0
    last_started_at: datetime | None = None
    last_ended_at: datetime | None = None
    last_error: str | None = None
    next_run_at: datetime | None = None
    last_report: StageReport | None = None


@dataclass(frozen=True, slots=True)
class SchedulerHealth:
    """One moment of a scheduler."""

    state: SchedulerState
    errors_in_a_row: int
    paused_until: datetime | None
    stages: tuple[StageHealth, ...]


@dataclass(frozen=True, slots=True)
class Timer:
    """One stage's timer: how often, and how many of its runs may be at work at once."""

    stage: Stage
    interval: timedelta
    at_once_max: int


@dataclass(frozen=True, slots=True)
class NamedPipeline:
    """A pipeline, and what to call it when telling what it did."""

    name: str
    pipeline: Pipeline


PipelineSource = Callable[[], NamedPipeline]
"""Asked before each stage for the pipeline to run it on; the stage ends on that one."""


class StageRunner:
    """Runs stages one call at a time and counts how they fare: the part of a scheduler that has no timer."""

    def __init__(
        self,
        source: PipelineSource,
        timetable: Timetable,
        clock: Clock,
        events: EventSink = ignore,
        ticks: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._source, self._timetable, self._clock, self._events = source, timetable, clock, events
        self._ticks = ticks
        self._lock = threading.Lock()
        self._stages = {stage: StageHealth(stage) for stage in Stage}
        self._errors_in_a_row = 0
        self._resting_until: datetime | None = None

    def run(self, stage: Stage) -> StageReport | None:
        """Run a stage now; None when it is time to rest, or when it failed, which is told and counted."""
        now = self._clock.now()
        if self.resting_until(now):
            return None
        self._note(stage, running=1, last_started_at=now)
        chosen = self._source()
        run = time_stage(chosen.pipeline, stage, now, self._ticks)
        failed = isinstance(run.outcome, Exception)
        event = StageEvent(
            EventKind.STAGE_FAILED if failed else EventKind.STAGE_DONE,
            f"{stage}: {type(run.outcome).__name__}: {run.outcome}".splitlines()[0] if failed else "",
            stage=stage,
            pipeline=chosen.name,
            ended_at=self._clock.now(),
            seconds=run.seconds,
            report=run.report,
        )
        rests = self._count(event)
        self._events(event)
        if rests:
            pause = self._timetable.pause_after_errors
            self._events(Event(EventKind.SCHEDULER_RESTS, f"{pause} after errors in a row"))
        return run.report

    def missed(self, stage: Stage) -> None:
        """Count a run whose time went by."""
        self._note(stage, missed=1)

    def overlapped(self, stage: Stage) -> None:
        """Count a run that was left out because the last one was still at work."""
        self._note(stage, overlapped=1)

    def resting_until(self, now: datetime) -> datetime | None:
        """The end of the rest, if there is one; a clock that was set back does not prolong it."""
        with self._lock:
            until, pause = self._resting_until, self._timetable.pause_after_errors
            return until if until and timedelta(0) < until - now <= pause else None

    def health(self, state: SchedulerState) -> SchedulerHealth:
        """How all stages fare, as it is now."""
        until = self.resting_until(self._clock.now())
        rests = until is not None and state is SchedulerState.RUNNING
        with self._lock:
            return SchedulerHealth(
                SchedulerState.RESTING if rests else state,
                self._errors_in_a_row,
                until,
                tuple(self._stages.values()),
            )

    def _count(self, event: StageEvent) -> bool:
        """Count a run that has ended; whether that was one error in a row too many, and a rest begins."""
        failed = event.report is None
        latest = {"last_error": event.detail} if failed else {"last_report": event.report}
        self._note(
            event.stage, runs=1, errors=int(failed), running=-1, last_ended_at=event.ended_at, **latest
        )
        with self._lock:
            self._errors_in_a_row = self._errors_in_a_row + 1 if failed else 0
            rests = self._errors_in_a_row >= self._timetable.errors_in_a_row_max
            if rests:
                self._errors_in_a_row = 0
                self._resting_until = event.ended_at + self._timetable.pause_after_errors
            return rests

    def _note(
        self,
        stage: Stage,
        *,
        runs: int = 0,
        errors: int = 0,
        missed: int = 0,
        overlapped: int = 0,
        running: int = 0,
        **latest: object,
    ) -> None:
        with self._lock:
            before = self._stages[stage]
            counted = replace(
                before,
                runs=before.runs + runs,
                errors=before.errors + errors,
                missed=before.missed + missed,
                overlapped=before.overlapped + overlapped,
                running=before.running + running,
            )
            self._stages[stage] = replace(counted, **latest)  # type: ignore[arg-type]  # names of its own fields


class PipelineScheduler:
    """The timers around a runner: a job for each stage, in a thread of its own, never twice at once."""

    def __init__(
        self,
        source: PipelineSource,
        timetable: Timetable | None = None,
        clock: Clock | None = None,
        events: EventSink = ignore,
    ) -> None:
        self._timetable = timetable or Timetable()
        self._runner = StageRunner(source, self._timetable, clock or SystemClock(), events)
        self._state = SchedulerState.STOPPED
        self._timers = BackgroundScheduler(timezone=UTC, daemon=True)
        self._timers.add_listener(self._told, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Begin: each stage once at once, then at its interval."""
        for stage, interval in self._timetable.intervals.items():
            seconds = interval.total_seconds()
            jitter = min(self._timetable.jitter.total_seconds(), seconds / 4)
            self._timers.add_job(
                self._runner.run,
                IntervalTrigger(seconds=seconds, jitter=jitter, timezone=UTC),
                args=[stage],
                id=stage.value,
                next_run_time=datetime.now(UTC),
                max_instances=1,
                coalesce=True,  # of several missed runs one is made up for
                misfire_grace_time=max(1, round(seconds)),
            )
        self._timers.start()
        self._state = SchedulerState.RUNNING

    def timers(self) -> tuple[Timer, ...]:
        """What is set, for whoever wants to check it."""
        return tuple(
            Timer(Stage(job.id), job.trigger.interval, job.max_instances) for job in self._timers.get_jobs()
        )

    def pause(self) -> None:
        """Start no stage until `resume`; what runs goes on to its end."""
        self._timers.pause()
        self._state = SchedulerState.PAUSED

    def resume(self) -> None:
        """Go on."""
        self._timers.resume()
        self._state = SchedulerState.RUNNING

    def stop(self) -> None:
        """Start no stage any more, and wait until those that run have ended: none is cut off."""
        if self._timers.running:
            self._timers.shutdown(wait=True)
        self._state = SchedulerState.STOPPED

    def health(self) -> SchedulerHealth:
        """How it is now, with the time of each stage's next run."""
        health = self._runner.health(self._state)
        stages = tuple(replace(one, next_run_at=self._next_run_at(one.stage)) for one in health.stages)
        return replace(health, stages=stages)

    def _next_run_at(self, stage: Stage) -> datetime | None:
        job = self._timers.get_job(stage.value)
        due: datetime | None = getattr(job, "next_run_time", None)
        return due if self._state is SchedulerState.RUNNING else None

    def _told(self, event: JobEvent) -> None:
        stage = Stage(event.job_id)
        if event.code == EVENT_JOB_MISSED:
            self._runner.missed(stage)
        else:
            self._runner.overlapped(stage)
