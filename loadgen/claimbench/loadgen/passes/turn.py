"""A turn: one arm once on one fresh database, as the timing pass, the memory pass and the gate take it.

What the arm needs beside its database, a fake API for one, runs in another process, so that neither its time
on the processor's caches nor its memory is the arm's. Time is what the steps took; peak memory is the growth
of the resident set of a warmed process from before the session opens to the end of its steps.
"""

import gc
import time
from collections.abc import Callable

from sqlalchemy import make_url

from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.loadgen.processes.messages import (
    MemoryReading,
    TimeReading,
    TimeReadings,
    TimingOrder,
    Turn,
)
from claimbench.loadgen.workloads.port import ArmSession, Database, StepDone, Workload, drive, unobserved

Timer = Callable[[Callable[[], None]], None]
"""Calls what it is given, once; pytest-benchmark's stands in here."""


class Stopwatch:
    """Seconds spent in each step, all runs together: an observer of a drive."""

    def __init__(self, steps: tuple[str, ...]) -> None:
        self.seconds = dict.fromkeys(steps, 0.0)
        self._since = time.perf_counter()

    def restart(self) -> None:
        """The next step starts now."""
        self._since = time.perf_counter()

    def __call__(self, done: StepDone) -> None:
        """A step has ended."""
        now = time.perf_counter()
        self.seconds[done.step] += now - self._since
        self._since = now


def warm_up(workload: Workload, turn: Turn, runs: int) -> None:
    """Drive the arm once where nothing is measured."""
    with workload.open(turn.arm, _database(turn)) as session:
        drive(session, workload.steps, runs, unobserved)


def once(target: Callable[[], None]) -> None:
    """The plain timer: our own stopwatch is enough."""
    target()


def time_turn(workload: Workload, turn: Turn, runs: int, timer: Timer = once) -> TimeReading:
    """Take the turn with no probe on; raises what the arm raised."""
    watch = Stopwatch(workload.steps)
    with workload.open(turn.arm, _database(turn)) as session:
        gc.collect()
        timer(lambda: _timed(session, workload.steps, runs, watch))
        return TimeReading(
            arm=turn.arm.name,
            rtt_ms=turn.rtt_ms,
            seconds=sum(watch.seconds.values()),
            steps=watch.seconds,
            work=session.work().digest(),
        )


def timed_block(workload: Workload, order: TimingOrder, runs: int) -> TimeReadings:
    """Every turn of the order by our own stopwatch, where pytest-benchmark is not installed."""
    for turn in order.warm_ups:
        warm_up(workload, turn, runs)
    gc.collect()
    gc.freeze()
    return TimeReadings(turns=tuple(time_turn(workload, turn, runs) for turn in order.turns))


def _timed(session: ArmSession, steps: tuple[str, ...], runs: int, watch: Stopwatch) -> None:
    watch.restart()
    drive(session, steps, runs, watch)


def remember_turn(workload: Workload, turn: Turn, runs: int) -> MemoryReading:
    """Take the turn for its peak of memory; raises what the arm raised."""
    probe = MemoryProbe()
    with workload.open(turn.arm, _database(turn)) as session:
        drive(session, workload.steps, runs, unobserved)
        (peak,) = probe.lap()
        work = session.work().digest()
    return MemoryReading(arm=turn.arm.name, peak_memory_bytes=int(peak.value), work=work)


def _database(turn: Turn) -> Database:
    return Database(make_url(turn.url), turn.service)
