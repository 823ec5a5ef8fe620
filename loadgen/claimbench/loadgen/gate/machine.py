"""The machine while the gate measures: whether it was fit to, and a CPU load that we put on it ourselves."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.probes.machine import StealProbe
from claimbench.reports.judge.validity import unfit
from claimbench.reports.record.gate import Fitness


class MachineWatch:
    """From its making to `fitness()`. The load counts before we start: what we start ourselves is meant."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0] / max(os.cpu_count() or 1, 1)
        self._steal = StealProbe()
        self._offset = time.time() - time.monotonic()
        self._frequency = _frequency()

    def before(self) -> Fitness:
        """What is seen before anything of ours runs."""
        return Fitness(load_per_core=round(self._load, 3))

    def fitness(self, rtt_asked_ms: float, rtt_achieved_ms: float) -> Fitness:
        """What was seen since."""
        before, now = self._frequency, _frequency()
        return Fitness(
            load_per_core=round(self._load, 3),
            steal_share=self._steal.share(),
            clock_step_s=round(time.time() - time.monotonic() - self._offset, 4),
            frequency_drop=max(0.0, 1 - now / before) if before and now else None,
            rtt_asked_ms=rtt_asked_ms,
            rtt_achieved_ms=rtt_achieved_ms,
        )


def fitness_of_way(way: Relayed) -> Fitness:
    """What the way to the server says."""
    return Fitness(rtt_asked_ms=way.asked_ms, rtt_achieved_ms=way.achieved_ms)


def refuse_unfit(fitness: Fitness, verb: str) -> None:
    """Raise `InvalidMeasurementError` (exit 3), before minutes are spent on a machine that is not fit."""
    for reason in unfit(fitness):
        what, _, remedy = reason.rpartition(": ")
        raise InvalidMeasurementError(f"the machine is not fit: {what}", where=verb, remedy=remedy)


def _frequency() -> float | None:
    try:
        found = psutil.cpu_freq()
    except (OSError, NotImplementedError, AttributeError):
        return None
    return float(found.current) if found and found.current else None


_SPIN = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""


@contextmanager
def cpu_load() -> Iterator[int]:
    """One core kept busy; yields the process id. It ends with us even if we are killed: its input closes."""
    process = subprocess.Popen((sys.executable, "-c", _SPIN), stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
