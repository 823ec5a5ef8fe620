"""The workload: scheduler runs, one after the other, on the simulated clock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from claimbench.impl.ports import INTERVALS, Pipeline, Stage
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import take
from claimbench.loadgen.workloads.batch_pipeline.clock import SimulatedClock


@dataclass(frozen=True, slots=True)
class StageDone:
    """One stage of one scheduler run (counted from 0) that has just ended."""

    run: int
    stage: Stage


Observer = Callable[[StageDone], None]


def drive(pipeline: Pipeline, clock: SimulatedClock, runs: int, step: timedelta, observe: Observer) -> None:
    """`runs` scheduler runs, `step` apart; the observer is told after each stage."""
    for run in range(runs):
        for stage in Stage:
            take(pipeline, stage, clock.now())
            observe(StageDone(run, stage))
        clock.advance(step)


def unobserved(_: StageDone) -> None:
    """The observer of a drive whose stages nobody watches."""


def timetable(duration: timedelta) -> Iterator[tuple[timedelta, Stage]]:
    """When the document's scheduler calls which stage, from the start up to `duration`, in order."""
    minute = timedelta(minutes=1)
    for tick in range(duration // minute):
        for stage, interval in INTERVALS.items():
            if (tick * minute) % interval == timedelta(0):
                yield tick * minute, stage
