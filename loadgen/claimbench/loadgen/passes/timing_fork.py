"""A block of the timing pass in a fresh fork: pytest-benchmark, called in it, with no probe on."""

import gc
import json
import os
from pathlib import Path

import pytest
import pytest_benchmark.plugin  # noqa: F401 (imported ahead of the fork, which pytest loads it in)

from claimbench.loadgen.passes.turn import warm_up
from claimbench.loadgen.processes.messages import TimeReading, TimeReadings, TimingOrder
from claimbench.loadgen.workloads.port import Workload

MODULE = Path(__file__).with_name("timed_turns.py")


def timed_block(workload: Workload, order: TimingOrder, runs: int) -> TimeReadings:
    """Every turn of the order; raises what a turn raised."""
    report = Path(order.folder, "benchmark.json")
    os.chdir(order.folder)
    _forget_other_pytests()
    block = _BlockPlugin(workload, order, runs)
    status = pytest.main(
        [
            *(str(MODULE), "--rootdir", order.folder, "-c", os.devnull, "-q"),
            *("-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "pytest_benchmark.plugin"),
            *("--import-mode=importlib", "--assert=plain", f"--benchmark-json={report}"),
        ],
        plugins=[block],
    )
    if block.error is not None:
        raise block.error
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest ended with {status}")
    benchmarks = json.loads(report.read_text())["benchmarks"]
    return TimeReadings(turns=tuple(_reading(each) for each in benchmarks))


class _BlockPlugin:
    """The plugin that gives pytest the turns, and spares it questions to the machine.

    What pytest-benchmark is told of the machine is nothing, for the result's environment names it already.
    Left to itself it asks `cpuinfo`, which starts a dozen programs in every block.
    """

    def __init__(self, workload: Workload, order: TimingOrder, runs: int) -> None:
        self._workload, self._order, self._runs = workload, order, runs
        self.error: BaseException | None = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each turn, in the order of the plan."""
        turns = self._order.turns
        metafunc.parametrize("turn", turns, ids=[turn.label for turn in turns])

    @pytest.fixture(scope="session")
    def workload(self) -> Workload:
        """The workload, after the small warm-ups: mappers and statement caches are not what we time."""
        for turn in self._order.warm_ups:
            warm_up(self._workload, turn, self._runs)
        gc.collect()
        gc.freeze()  # what is there by now is no arm's, and is not looked through again before each turn
        return self._workload

    @pytest.fixture(scope="session")
    def runs(self) -> int:
        """How many runs a turn takes."""
        return self._runs

    def pytest_benchmark_generate_machine_info(self) -> dict[str, str]:
        """In place of pytest-benchmark's own question to the machine."""
        return {}

    def pytest_exception_interact(self, call: pytest.CallInfo[object]) -> None:
        """Keep the first error: it is the arm's."""
        if call.excinfo is not None and self.error is None:
            self.error = call.excinfo.value


def _forget_other_pytests() -> None:
    """What the environment says to pytest is meant for the user's own tests, which may have called us."""
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


def _reading(entry: dict[str, object]) -> TimeReading:
    """The turn as pytest-benchmark's JSON has it: its seconds are the tool's own."""
    stats, extra = entry["stats"], entry["extra_info"]
    if not isinstance(stats, dict) or not isinstance(extra, dict):
        raise TypeError("pytest-benchmark's JSON has another shape than 5.x wrote")
    (seconds,) = stats["data"]
    return TimeReading.model_validate({**extra, "seconds": seconds})
