"""The benchmark module that pytest-benchmark collects: one benchmark for each turn of a block.

The turns come from `claimbench.loadgen.passes.timing_fork`, which runs it.
"""

from collections.abc import Callable
from typing import Protocol

from claimbench.loadgen.passes.turn import time_turn
from claimbench.loadgen.processes.messages import Turn
from claimbench.loadgen.workloads.port import Workload


class Benchmark(Protocol):
    """As much of pytest-benchmark's fixture as this module uses."""

    extra_info: dict[str, object]

    def pedantic(self, target: Callable[[], None], *, rounds: int, iterations: int) -> None:
        """Time `target`."""


def test_runs(benchmark: Benchmark, workload: Workload, runs: int, turn: Turn) -> None:
    """Time all runs of the turn once; what the turn tells goes along as extra information."""

    def timer(target: Callable[[], None]) -> None:
        benchmark.pedantic(target, rounds=1, iterations=1)

    benchmark.extra_info.update(time_turn(workload, turn, runs, timer).model_dump())
