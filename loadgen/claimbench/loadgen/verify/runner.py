"""Runs a history on a pipeline and lets the oracle judge what became of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.faults import Faults
from claimbench.loadgen.oracle import Evidence, Violation, judge
from claimbench.loadgen.oracle.api_record import read_api_record
from claimbench.loadgen.oracle.recorder import ApiRecorder
from claimbench.loadgen.oracle.rows import UNFINISHED, Rows, read_rows
from claimbench.loadgen.oracle.sameness import same_end
from claimbench.loadgen.oracle.trail import read_trail
from claimbench.loadgen.verify.histories import Api, History
from claimbench.loadgen.verify.mortality import Danger, Killed, Life, MortalApi
from claimbench.loadgen.verify.world import Seat, World
from claimbench.loadgen.workloads.batch_pipeline.clock import SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH

ORACLE_SEAT = 0
DRAIN_SEAT = 99
DRAIN_STEPS_MINUTES = (6, 6, 6, 40, 40, 40, 61, 61, 61, 61, 1500)
"""The waits of the drain, in turn; the long one outlives the API's window of a day."""
DRAIN_RUNS_MAX = 66


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the oracle found, and what was told of stages that ended with an error."""

    violations: tuple[Violation, ...]
    errors: tuple[str, ...]


@dataclass
class Play:
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

    def take(self, scheduler: int, stage: Stage, now: datetime) -> None:
        """One stage of one scheduler, which may not survive it; an error it logs and outlives."""
        self.recorder.turn += 1
        pipeline, life = self._sitting(scheduler)
        try:
            take_stage(pipeline, stage, now)
        except Killed:
            pass
        except (Exception, SystemExit) as error:
            self.errors.append(f"{stage} of scheduler {scheduler}: {type(error).__name__}: {error}"[:300])
        # Only now are the frames gone that held connections.
        del pipeline
        if life.was_hurt:
            self._mourn(scheduler, life)

    def _mourn(self, scheduler: int, life: Life) -> None:
        """Clear what a dead scheduler held, or one whose connection was cut, which goes on."""
        self.interrupted.add(self.recorder.turn)
        life.was_hurt = False
        if life.is_over:
            del self.pipelines[scheduler]
        self.world.seat(scheduler).clear()
        if not life.is_over:
            self.world.seat(scheduler).give(life)

    def _sitting(self, scheduler: int) -> tuple[Pipeline, Life]:
        if scheduler not in self.pipelines:
            seat, life = self.world.seat(scheduler), Life(self.danger)
            seat.give(life)
            self.lives[scheduler] = life
            self.pipelines[scheduler] = self.factory(self._context(seat, life))
        return self.pipelines[scheduler], self.lives[scheduler]

    def _context(self, seat: Seat, life: Life) -> PipelineContext:
        api: BatchApi = MortalApi(OpenAIBatchApi(self.world.client), life)
        if self.history.api is Api.RESILIENT:
            api = ResilientBatchApi(
                api,
                DOCUMENTED,
                sleep=lambda _: None,
                ticks=self.clock.timestamp,
                chance=Random(self.history.seed),  # noqa: S311 (jitter, not secrets)
            )
        return PipelineContext(seat.engine, api, self.history.policy, ignore)

    def leave(self) -> None:
        """Everybody goes."""
        for scheduler in self.lives:
            self.world.seat(scheduler).give(None)
        self.pipelines.clear()


@contextmanager
def playing(world: World, factory: PipelineFactory, history: History) -> Iterator[Play]:
    """Set the stage."""
    world.reset(history.dataset)
    clock = SimulatedClock(EPOCH)
    fake = FakeOpenAI(seed=history.seed, clock=clock.timestamp, faults=Faults(fault=history.faults))
    play = Play(world, factory, history, clock, ApiRecorder(fake), Danger(history.breaks))
    world.wire.recorder = play.recorder
    try:
        yield play
    finally:
        play.leave()
        world.wire.recorder = None
        fake.close()


def verdict_of(
    history: History, factory: PipelineFactory, world: World, reference: PipelineFactory | None
) -> Verdict:
    """Run and judge; a calm history is run on the reference too, and both must end alike."""
    with playing(world, factory, history) as play:
        before = read_rows(world.seat(ORACLE_SEAT).engine)
        _storm(play)
        _drain(play)
        evidence = _evidence(play, before)
        violations = judge(evidence)
        errors = tuple(play.errors)
    if reference is not None and history.is_calm:
        violations += tuple(same_end(_end_of(history, reference, world), evidence.after))
    return Verdict(violations, errors)


def _end_of(history: History, reference: PipelineFactory, world: World) -> Rows:
    with playing(world, reference, history) as play:
        _storm(play)
        _drain(play)
        return read_rows(world.seat(ORACLE_SEAT).engine)


def _storm(play: Play) -> None:
    for turn in play.history.turns:
        play.clock.advance(timedelta(minutes=turn.wait_minutes))
        now = play.clock.now() + timedelta(minutes=turn.clock_error_minutes)
        play.take(turn.scheduler, turn.stage, now)


def _drain(play: Play) -> None:
    """The faults are over, time goes on: runs of a fresh scheduler until nothing is left, or too many."""
    play.danger.breaks = ()
    for number in range(DRAIN_RUNS_MAX):
        play.clock.advance(timedelta(minutes=DRAIN_STEPS_MINUTES[number % len(DRAIN_STEPS_MINUTES)]))
        for stage in Stage:
            play.take(DRAIN_SEAT, stage, play.clock.now())
        if is_drained(play.world):
            return


def is_drained(world: World) -> bool:
    """Whether all work of active companies has come to an end."""
    found = world.desk.execute(UNFINISHED.encode()).fetchone()
    return found is not None and not found[0]


def _evidence(play: Play, before: Rows) -> Evidence:
    engine = play.world.seat(ORACLE_SEAT).engine
    return Evidence(
        before,
        read_rows(engine),
        read_trail(engine),
        read_api_record(play.recorder, BATCH_KEY),
        play.history.policy,
        frozenset(play.interrupted),
    )
