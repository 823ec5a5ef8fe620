"""The benchmark module that pytest-benchmark collects: one benchmark for each turn of a block.

The turns and the order come from `claimbench.loadgen.passes.timing_fork`, which runs it.
"""

import gc
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from sqlalchemy import make_url

from claimbench.impl.ports import Stage
from claimbench.loadgen.processes.messages import TimingOrder, Turn
from claimbench.loadgen.workloads.batch_pipeline.session import Stand, open_stand
from claimbench.loadgen.workloads.batch_pipeline.timetable import StageDone, drive


class Benchmark(Protocol):
    """As much of pytest-benchmark's fixture as this module uses."""

    extra_info: dict[str, object]

    def pedantic(self, target: Callable[[], None], *, rounds: int, iterations: int) -> None:
        """Time `target`."""


class StageTimes:
    """Seconds spent in each stage, all scheduler runs together."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(Stage, 0.0)
        self._since = time.perf_counter()

    def restart(self) -> None:
        """The next stage starts now."""
        self._since = time.perf_counter()

    def __call__(self, done: StageDone) -> None:
        """A stage has ended."""
        now = time.perf_counter()
        self.seconds[done.stage] += now - self._since
        self._since = now


def test_scheduler_runs(benchmark: Benchmark, order: TimingOrder, turn: Turn) -> None:
    """Time the whole workload once; the stages' shares go along as extra information."""
    times = StageTimes()
    with open_stand(turn.pipeline, make_url(turn.url), order.api) as stand:
        gc.collect()
        benchmark.pedantic(lambda: drive_and_note(stand, order, times), rounds=1, iterations=1)
    benchmark.extra_info.update(
        arm=turn.arm,
        rtt_ms=turn.rtt_ms,
        stages={stage.value: seconds for stage, seconds in times.seconds.items()},
    )


def drive_and_note(stand: Stand, order: TimingOrder, times: StageTimes) -> None:
    """The scheduler runs of the order, and in `times` what each stage took of them."""
    times.restart()
    drive(stand.pipeline, stand.clock, order.runs, timedelta(seconds=order.step_s), times)
