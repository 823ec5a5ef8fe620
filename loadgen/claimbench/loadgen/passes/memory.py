"""The memory pass: each arm in a fresh, warmed process of its own; the peak growth of its resident set."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.fake_openai.server import FakeServer, running_server
from claimbench.loadgen.processes.forks import Forks
from claimbench.loadgen.processes.messages import MemoryOrder
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Arm, Scenario


@dataclass(frozen=True, slots=True)
class MemoryPass:
    """What the pass needs: each arm's template, at each size, a tiny one to warm its process with, and forks.

    The arms of a block run side by side, each in its own process and against a fake API of its own: memory
    does not mind company, so the pass may also run in a thread beside another one. Its clones are dropped at
    its end only, for a drop makes the server write a checkpoint, and that would change what the counting
    pass counts as WAL.
    """

    scenario: Scenario
    workshop: Workshop
    templates: Mapping[int, Mapping[str, Template]]
    warm_up_templates: Mapping[str, Template]
    forks: Forks
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """From another thread: end what runs now and start nothing more."""
        self._stopped.set()
        self.forks.kill()

    def run(self, progress: Progress) -> Iterator[Sample]:
        """Yield one sample for each size, block and arm, if it is not told to stop."""
        with ExitStack() as stack:
            stands = [_Stand(arm, stack.enter_context(self._server())) for arm in self.scenario.arms]
            clones = stack.enter_context(ExitStack())
            for companies in self.templates:
                blocks = self._blocks(companies)
                for block in range(blocks):
                    if self._stopped.is_set():
                        return
                    progress.step(f"memory: {companies} companies, block {block + 1} of {blocks}")
                    yield from self._block(companies, block, stands, clones)

    def _blocks(self, companies: int) -> int:
        workload = self.scenario.workload
        if companies == self.scenario.dataset.companies:
            return workload.memory_blocks
        return len(workload.shown_among(workload.memory_blocks))

    @contextmanager
    def _server(self) -> Iterator[FakeServer]:
        api = self.scenario.api
        with running_server(seed=api.seed, failed_line_rate=api.failed_line_rate, clock="manual") as server:
            yield server

    def _block(
        self, companies: int, block: int, stands: Sequence["_Stand"], clones: ExitStack
    ) -> Iterator[Sample]:
        templates = self.templates[companies]
        orders = [self._order(clones, templates[stand.arm.name], stand) for stand in stands]
        for stand, reading in zip(stands, self.forks.remember(orders), strict=True):
            yield Sample(
                arm=stand.arm.name,
                block=block,
                stage="run",
                metric="peak_memory",
                unit="B",
                value=reading.peak_memory_bytes,
                rtt_ms=0.0,
                size=companies,
            )

    def _order(self, clones: ExitStack, template: Template, stand: "_Stand") -> MemoryOrder:
        arm, server = stand.arm, stand.server
        url = clones.enter_context(self.workshop.clone(template))
        warm_up_url = clones.enter_context(self.workshop.clone(self.warm_up_templates[arm.name]))
        return MemoryOrder(
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
    """An arm, and the fake API that it talks to."""

    arm: Arm
    server: FakeServer
