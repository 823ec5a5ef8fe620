"""Runs a history on a pipeline and lets the oracle judge what became of it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random

from claimbench.impl.events import ignore
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import (
    BATCH_KEY,
    BatchApi,
    Pipeline,
    PipelineContext,
    PipelineFactory,
    Stage,
    take_stage,
)
from claimbench.impl.resilience import DOCUMENTED, ResilientBatchApi
from claimbench.impl.statuses import CompanyStatus
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.faults import Faults
from claimbench.loadgen.oracle import Evidence, SelfReport, Violation, completed_requests, judge, judge_calm
from claimbench.loadgen.oracle.api_record import read_api_record
from claimbench.loadgen.oracle.evidence import StatusChange
from claimbench.loadgen.oracle.recorder import ApiRecorder
from claimbench.loadgen.oracle.rows import Rows, read_rows
from claimbench.loadgen.oracle.sameness import same_end
from claimbench.loadgen.oracle.trail import read_trail
from claimbench.loadgen.verify.histories import CallStyle, History, SchedulerTurn
from claimbench.loadgen.verify.interleaving import Interleaving, Seat
from claimbench.loadgen.verify.mortality import Danger, Killed, Life, MortalApi
from claimbench.loadgen.verify.world import MortalEngine, World
from claimbench.loadgen.workloads.batch_pipeline.clock import SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.judging import LEFT_AND_MOVED, draining
from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH

ORACLE = 0
DRAINER = 99


@dataclass(frozen=True, slots=True)
class HistoryOutcome:
    """What the oracle found, and what was told of stages that ended with an error."""

    violations: tuple[Violation, ...]
    errors: tuple[str, ...]


@dataclass
class HistoryRun:
    """One history while it runs."""

    world: World
    factory: PipelineFactory
    history: History
    clock: SimulatedClock
    recorder: ApiRecorder
    danger: Danger
    lives: dict[int, Life] = field(default_factory=dict)
    pipelines: dict[int, Pipeline] = field(default_factory=dict)
    interrupted: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    completed: int = 0
    """What all reports together say."""
    changes: list[StatusChange] = field(default_factory=list)
    turns: int = 0

    def account(self, companies: Iterable[int]) -> SelfReport:
        """What the pipelines said of their work; stats of a fresh scheduler, by company."""
        pipeline, _ = self._pipeline_of(DRAINER)
        return SelfReport(self.completed, {company: pipeline.stats(company) for company in companies})

    def wait(self, time: timedelta) -> None:
        """Let time pass."""
        self.clock.advance(time)
        self.world.connection.execute("UPDATE claimbench_clock SET at = %s", (self.clock.now(),))

    def change(self, company: int, is_active: object) -> None:
        """Suspend, close or open a company."""
        status = CompanyStatus.ACTIVE if is_active else CompanyStatus.INACTIVE
        self.world.connection.execute("UPDATE company SET status = %s WHERE id = %s", (status.value, company))
        self.changes.append(StatusChange(self.clock.now(), company, bool(is_active)))

    def take(self, scheduler: int, stage: Stage, now: datetime) -> None:
        """One stage of one scheduler, which may not survive it; an error it logs and outlives."""
        self.take_all((SchedulerTurn(scheduler, stage, 0),), now)

    def take_all(self, turns: Sequence[SchedulerTurn], now: datetime) -> None:
        """Stages of different schedulers: one, or all of them at once, of which one runs at a time."""
        first = self.turns + 1
        self.turns += len(turns)
        if len(turns) == 1:
            self.recorder.turn = first
            self._take(turns[0], now, None)
            return
        chance = Random(f"{self.history.seed} {first}")  # noqa: S311 (an order, not a secret)
        table = Interleaving(chance, self.world.is_blocked)
        works = []
        for number, turn in enumerate(turns, start=first):
            seat = table.seat(partial(setattr, self.recorder, "turn", number))
            works.append(partial(self._take, turn, now, seat))
        table.run(works)

    def _take(self, turn: SchedulerTurn, now: datetime, seat: Seat | None) -> None:
        scheduler, stage = turn.scheduler, turn.stage
        now += timedelta(minutes=turn.clock_error_minutes)
        pipeline, life = self._pipeline_of(scheduler)
        life.seat = seat
        try:
            self.completed += completed_requests(take_stage(pipeline, stage, now))
        except Killed:
            pass
        except (Exception, SystemExit) as error:
            self.errors.append(f"{stage} of scheduler {scheduler}: {type(error).__name__}: {error}"[:300])
        # Only now are the frames gone that held connections.
        del pipeline
        life.seat = None
        if life.was_hurt:
            self._clean_up_after(scheduler, life)

    def _clean_up_after(self, scheduler: int, life: Life) -> None:
        """Clear what a dead scheduler held, or one whose connection was cut, which goes on."""
        self.interrupted.add(self.recorder.turn)
        life.was_hurt = False
        if life.is_over:
            del self.pipelines[scheduler]
        self.world.mortal_engine(scheduler).clear()
        if not life.is_over:
            self.world.mortal_engine(scheduler).give(life)

    def _pipeline_of(self, scheduler: int) -> tuple[Pipeline, Life]:
        if scheduler not in self.pipelines:
            mortal, life = self.world.mortal_engine(scheduler), Life(self.danger)
            mortal.give(life)
            self.lives[scheduler] = life
            self.pipelines[scheduler] = self.factory(self._context(mortal, life))
        return self.pipelines[scheduler], self.lives[scheduler]

    def _context(self, mortal: MortalEngine, life: Life) -> PipelineContext:
        api: BatchApi = MortalApi(OpenAIBatchApi(self.world.client), life)
        if self.history.api is CallStyle.RESILIENT:
            api = ResilientBatchApi(
                api,
                DOCUMENTED,
                sleep=lambda _: None,
                ticks=self.clock.timestamp,
                chance=Random(self.history.seed),  # noqa: S311 (jitter, not secrets)
            )
        return PipelineContext(mortal.engine, api, self.history.policy, ignore)

    def leave(self) -> None:
        """End all schedulers: their connections belong to none any more."""
        for scheduler in self.lives:
            self.world.mortal_engine(scheduler).give(None)
        self.pipelines.clear()


@contextmanager
def running_history(world: World, factory: PipelineFactory, history: History) -> Iterator[HistoryRun]:
    """Reset the world and begin this history in it."""
    world.reset(history.dataset)
    clock = SimulatedClock(EPOCH)
    fake = FakeOpenAI(seed=history.seed, clock=clock.timestamp, faults=Faults(fault=history.faults))
    running = HistoryRun(world, factory, history, clock, ApiRecorder(fake), Danger(history.breaks))
    world.wire.recorder = running.recorder
    running.wait(timedelta(0))
    try:
        yield running
    finally:
        running.leave()
        world.wire.recorder = None
        fake.close()


def run_history(
    history: History, factory: PipelineFactory, world: World, reference: PipelineFactory | None
) -> HistoryOutcome:
    """Run and judge; a calm history is run on the reference too, and both must end alike."""
    with running_history(world, factory, history) as running:
        before = read_rows(world.mortal_engine(ORACLE).engine)
        _storm(running)
        _drain(running)
        evidence = _evidence(running, before)
        calm = history.is_calm
        violations = judge_calm(evidence, running.account(before.companies)) if calm else judge(evidence)
        errors = tuple(running.errors)
    if reference is not None and history.is_calm:
        violations += tuple(same_end(_end_of(history, reference, world), evidence.after))
    return HistoryOutcome(violations, errors)


def _end_of(history: History, reference: PipelineFactory, world: World) -> Rows:
    with running_history(world, reference, history) as running:
        _storm(running)
        _drain(running)
        return read_rows(world.mortal_engine(ORACLE).engine)


def _storm(running: HistoryRun) -> None:
    history, place = running.history, 0
    for turns in history.rounds:
        running.wait(timedelta(minutes=turns[0].wait_minutes))
        for number in range(place, place + len(turns)):
            _suspend(running, number)
        place += len(turns)
        running.take_all(turns, running.clock.now())
    last = max((one.until_turn or one.before_turn for one in history.suspensions), default=0)
    for number in range(place, last + 1):
        _suspend(running, number)


def _suspend(running: HistoryRun, number: int) -> None:
    """The changes before the turn of this number."""
    for one in running.history.suspensions:
        if number in (one.before_turn, one.until_turn):
            running.change(one.company, number == one.until_turn)


def _drain(running: HistoryRun) -> None:
    """The faults are over, time goes on: runs of a fresh scheduler while they are of use."""
    running.danger.breaks = ()
    for wait in draining(partial(left_and_moved, running.world)):
        running.wait(wait)
        for stage in Stage:
            running.take(DRAINER, stage, running.clock.now())


def left_and_moved(world: World) -> tuple[bool, int]:
    """Whether work of active companies is left, and how many steps its trail holds."""
    [(is_left, moved)] = world.connection.execute(LEFT_AND_MOVED.encode()).fetchall()
    return is_left, moved


def _evidence(running: HistoryRun, before: Rows) -> Evidence:
    engine = running.world.mortal_engine(ORACLE).engine
    return Evidence(
        before,
        read_rows(engine),
        read_trail(engine),
        read_api_record(running.recorder, BATCH_KEY),
        running.history.policy,
        frozenset(running.interrupted),
        tuple(running.changes),
    )
