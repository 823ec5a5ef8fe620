"""The memory pass: each arm in a fresh, warmed process of its own; the peak growth of its resident set."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.clock import EPOCH
from claimbench.loadgen.databases import Template, Workshop
from claimbench.loadgen.fake_openai.server import FakeServer, running_server
from claimbench.loadgen.memory_turn import MemoryPlan, MemoryReading
from claimbench.loadgen.progress import Progress
from claimbench.reports.record import Sample
from claimbench.scenarios.model import Arm, Scenario


@dataclass(frozen=True, slots=True)
class MemoryPass:
    """What the pass needs: each arm's template and a tiny one to warm its process with.

    The arms of a block run side by side, each in its own process and against a fake API of its own: memory
    does not mind company, so the pass may also run in a thread beside another one. Its clones are dropped at
    its end only, for a drop makes the server write a checkpoint, and that would change what the counting
    pass counts as WAL.
    """

    scenario: Scenario
    workshop: Workshop
    templates: Mapping[str, Template]
    warm_up_templates: Mapping[str, Template]
    _processes: list["subprocess.Popen[str]"] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """From another thread: end what runs now and start nothing more."""
        self._stopped.set()
        for process in self._processes:
            _kill(process)

    def run(self, progress: Progress) -> Iterator[Sample]:
        """Yield one sample for each arm and block, if it is not told to stop."""
        blocks = self.scenario.workload.memory_blocks
        with ExitStack() as stack:
            stands = [
                _Stand(arm, stack.enter_context(self._server()), stack.enter_context(_started()))
                for arm in self.scenario.arms
            ]
            self._processes[:] = [stand.process for stand in stands]
            clones = stack.enter_context(ExitStack())
            for block in range(blocks):
                if self._stopped.is_set():
                    return
                progress.step(f"memory: block {block + 1} of {blocks}")
                yield from self._block(block, stands, clones)

    @contextmanager
    def _server(self) -> Iterator[FakeServer]:
        api = self.scenario.api
        with running_server(seed=api.seed, failed_line_rate=api.failed_line_rate, clock="manual") as server:
            yield server

    def _block(self, block: int, stands: Sequence["_Stand"], clones: ExitStack) -> Iterator[Sample]:
        for stand in stands:
            _tell(stand.process, self._plan(clones, stand.arm, stand.server))
        for stand in stands:
            yield Sample(
                arm=stand.arm.name,
                block=block,
                stage="run",
                metric="peak_memory",
                unit="B",
                value=_reading(stand.process).peak_memory_bytes,
                rtt_ms=0.0,
                companies=self.scenario.dataset.companies,
            )

    def _plan(self, clones: ExitStack, arm: Arm, server: FakeServer) -> MemoryPlan:
        url = clones.enter_context(self.workshop.clone(self.templates[arm.name]))
        warm_up_url = clones.enter_context(self.workshop.clone(self.warm_up_templates[arm.name]))
        return MemoryPlan(
            pipeline=arm.pipeline,
            url=url.render_as_string(hide_password=False),
            warm_up_url=warm_up_url.render_as_string(hide_password=False),
            api_url=server.base_url,
            reset_url=server.reset_url,
            clock_url=server.clock_url,
            epoch=EPOCH,
            runs=self.scenario.workload.runs,
            step_s=self.scenario.workload.step.total_seconds(),
        )


@dataclass(frozen=True, slots=True)
class _Stand:
    """An arm, the fake API that it talks to, and the process whose forks run it."""

    arm: Arm
    server: FakeServer
    process: "subprocess.Popen[str]"


@contextmanager
def _started() -> Iterator["subprocess.Popen[str]"]:
    """A process that imports while clones are made; gone at the end with its fork, whatever happened."""
    process = subprocess.Popen(
        (sys.executable, "-m", "claimbench.loadgen.memory_turn"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _kill(process)
        process.communicate()


def _kill(process: "subprocess.Popen[str]") -> None:
    """It and its fork, which are a session of their own."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _tell(process: "subprocess.Popen[str]", plan: MemoryPlan) -> None:
    if process.stdin:
        with suppress(BrokenPipeError):  # why nobody reads is told with its result
            process.stdin.write(plan.model_dump_json() + "\n")
            process.stdin.flush()


def _reading(process: "subprocess.Popen[str]") -> MemoryReading:
    if process.stdout and (line := process.stdout.readline()):
        return MemoryReading.model_validate_json(line)
    _, errors = process.communicate()
    last = (errors.strip().splitlines() or ["no output"])[-1]
    raise InvalidMeasurementError(
        f"the measured process ended with {process.returncode}: {last[:200]}",
        where="memory pass",
        remedy="call the arm's stages once by hand to see its error",
    )
