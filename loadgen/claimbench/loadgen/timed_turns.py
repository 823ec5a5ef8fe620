"""The benchmark module that pytest-benchmark collects: one benchmark for each turn of a block.

It is run by `claimbench.loadgen.timing` in a process of its own, with no probe on.
"""

import gc
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import pytest
from sqlalchemy import make_url

from claimbench.impl.ports import Stage
from claimbench.loadgen.building import import_all
from claimbench.loadgen.stand import Stand, open_stand
from claimbench.loadgen.timing_plan import TimingPlan, Turn, awaited_plan
from claimbench.loadgen.workload import StageDone, drive


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each turn, in the order of the plan."""
    import_all()
    plan = awaited_plan()
    metafunc.parametrize("turn", plan.turns, ids=[turn.label for turn in plan.turns])


@pytest.fixture(scope="session")
def plan() -> TimingPlan:
    """The plan, after the small warm-ups: imports, mappers and statement caches are not what we time."""
    plan = awaited_plan()
    for turn in plan.warm_ups:
        with open_stand(turn.pipeline, make_url(turn.url), plan.api) as stand:
            _drive(stand, plan, StageTimes())
    gc.collect()
    gc.freeze()  # what is there by now is no arm's, and is not looked through again before each turn
    return plan


def test_scheduler_runs(benchmark: Benchmark, plan: TimingPlan, turn: Turn) -> None:
    """Time the whole workload once; the stages' shares go along as extra information."""
    times = StageTimes()
    with open_stand(turn.pipeline, make_url(turn.url), plan.api) as stand:
        gc.collect()
        benchmark.pedantic(lambda: _drive(stand, plan, times), rounds=1, iterations=1)
    benchmark.extra_info.update(
        arm=turn.arm,
        rtt_ms=turn.rtt_ms,
        stages={stage.value: seconds for stage, seconds in times.seconds.items()},
    )


def _drive(stand: Stand, plan: TimingPlan, times: StageTimes) -> None:
    times.restart()
    drive(stand.pipeline, stand.clock, plan.runs, timedelta(seconds=plan.step_s), times)
