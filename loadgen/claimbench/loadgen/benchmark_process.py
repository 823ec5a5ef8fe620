"""pytest-benchmark in a process of its own: it imports ahead of its turn, so that no import is timed."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from claimbench.errors import InvalidMeasurementError
from claimbench.impl.ports import Stage
from claimbench.loadgen.timing_plan import PLAN_VARIABLE, READY, TimingPlan

AHEAD = 6
"""So many processes are started together; one that waits costs memory, and no time of anybody."""


@dataclass(frozen=True, slots=True)
class TimedTurn:
    """One benchmark of pytest-benchmark's JSON: the whole workload in seconds, and its stages."""

    arm: str
    rtt_ms: float
    seconds: float
    stages: tuple[tuple[str, float], ...]


class BenchmarkProcess:
    """The process of one block, started at once; a context manager, at whose end it is gone."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="claimbench-timing-")
        self._report = Path(self._folder.name, "benchmark.json")
        self._is_ready = False
        self._socket, plan_end = socket.socketpair()
        with plan_end:
            self._process = subprocess.Popen(
                _command(self._report),
                env={
                    **os.environ,
                    PLAN_VARIABLE: str(plan_end.fileno()),
                    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                },
                cwd=self._folder.name,
                pass_fds=(plan_end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()

    def await_ready(self) -> None:
        """Return when it has imported everything, or has ended, which `time` will tell."""
        if not self._is_ready:
            self._socket.recv(len(READY))
            self._is_ready = True

    def time(self, plan: TimingPlan) -> tuple[TimedTurn, ...]:
        """Every turn of the plan, in its order; `InvalidMeasurementError` (exit 3) when one did not end."""
        with suppress(OSError), self._socket:  # why nobody reads is told below
            self._socket.sendall(plan.model_dump_json().encode())
        said, _ = self._process.communicate()
        if self._process.returncode != 0 or not self._report.exists():
            raise InvalidMeasurementError(
                f"the benchmark process ended with {self._process.returncode}: {_last_line(said)}",
                where="timing pass",
                remedy="call the arm's stages once by hand to see its error",
            )
        return tuple(_timed_turn(entry) for entry in json.loads(self._report.read_text())["benchmarks"])


class BenchmarkProcesses:
    """The processes of `count` blocks, a group of them started at once; a context manager.

    A new group imports while nothing is timed: `next` waits for all of it.
    """

    def __init__(self, count: int) -> None:
        self._unstarted = count
        self._waiting: deque[BenchmarkProcess] = deque()
        self._processes = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:  # those that could be started would outlive us
            self._processes.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.close()

    def next(self) -> BenchmarkProcess:
        """The next block's process, when neither it nor another one still imports."""
        if not self._waiting:
            self._start()
        for process in self._waiting:
            process.await_ready()
        return self._waiting.popleft()

    def _start(self) -> None:
        started = min(AHEAD, self._unstarted)
        self._unstarted -= started
        self._waiting.extend(self._processes.enter_context(BenchmarkProcess()) for _ in range(started))


def _command(report: Path) -> Sequence[str]:
    module = Path(__file__).with_name("timed_turns.py")  # not imported here: that would import pytest
    return (
        *(sys.executable, "-m", "pytest", str(module), "--rootdir", str(report.parent), "-c", os.devnull),
        *("-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin"),
        *("-p", "claimbench.loadgen.timed_machine", "--import-mode=importlib", "-q"),
        f"--benchmark-json={report}",
    )


def _timed_turn(entry: dict[str, object]) -> TimedTurn:
    stats, extra = entry["stats"], entry["extra_info"]
    if not isinstance(stats, dict) or not isinstance(extra, dict):
        raise TypeError("pytest-benchmark's JSON has another shape than 5.x wrote")
    (seconds,) = stats["data"]
    return TimedTurn(
        arm=extra["arm"],
        rtt_ms=extra["rtt_ms"],
        seconds=seconds,
        stages=tuple((stage.value, extra["stages"][stage.value]) for stage in Stage),
    )


def _last_line(output: str) -> str:
    errors = [line for line in output.splitlines() if line.startswith("E  ")]
    lines = errors or output.strip().splitlines() or ["no output"]
    return lines[0].removeprefix("E").strip()[:200]
