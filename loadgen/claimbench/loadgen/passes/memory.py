"""The memory pass: each arm in a fresh, warmed process of its own; the peak growth of its resident set."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import Bench
from claimbench.loadgen.processes.forks import Forks
from claimbench.loadgen.processes.messages import MemoryOrder, MemoryReading, Turn
from claimbench.loadgen.workloads.port import Workload
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Arm, Scenario


@dataclass(frozen=True, slots=True)
class RememberedBlock:
    """A block of one size, from 0, and a turn of each arm."""

    size: int
    number: int
    turns: tuple[MemoryReading, ...]


@dataclass(frozen=True, slots=True)
class MemoryPass:
    """What the pass needs: each arm's template, at each size, a tiny one to warm its process with, and forks.

    The arms of a block run side by side, each in its own process and beside a service of its own: what runs
    beside a process does not change its memory, so the pass may also run in a thread while another one runs.
    Its clones are dropped at its end only, for a drop makes the server write a checkpoint, and that would
    change what the counting pass counts as WAL.
    """

    scenario: Scenario
    workload: Workload
    bench: Bench
    templates: Mapping[int, Mapping[str, Template]]
    warm_up_templates: Mapping[str, Template]
    forks: Forks
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """From another thread: end what runs now and start nothing more."""
        self._stopped.set()
        self.forks.kill()

    def run(self) -> Iterator[RememberedBlock]:
        """Yield each block as it ends, if it is not told to stop."""
        with ExitStack() as stack:
            served = [
                _Served(arm, stack.enter_context(self.workload.service())) for arm in self.scenario.arms
            ]
            clones = stack.enter_context(ExitStack())
            for size in self.templates:
                blocks = self._blocks(size)
                for block in range(blocks):
                    if self._stopped.is_set():
                        return
                    told = f"{size} {self.workload.words.size}, block {block + 1} of {blocks}"
                    self.bench.progress.step(f"memory: {told}")
                    templates = self.templates[size]
                    orders = [self._order(clones, templates[each.arm.name], each) for each in served]
                    yield RememberedBlock(size, block, self.forks.remember(orders))

    def _blocks(self, size: int) -> int:
        workload = self.scenario.workload
        if size == self.scenario.dataset.size:
            return workload.memory_blocks
        return len(workload.shown_among(workload.memory_blocks))

    def samples(self, block: RememberedBlock) -> Iterator[Sample]:
        """The peak of each arm, in bytes."""
        for turn in block.turns:
            yield Sample(
                arm=turn.arm,
                block=block.number,
                stage="run",
                metric="peak_memory",
                unit="B",
                value=turn.peak_memory_bytes,
                rtt_ms=0.0,
                size=block.size,
            )

    def unproven(self, blocks: Iterable[RememberedBlock]) -> Iterator[str]:
        """A sentence for each block in which the arms did not all do the same work."""
        for block in blocks:
            if len({turn.work for turn in block.turns}) > 1:
                told = f"{block.size} {self.workload.words.size}, block {block.number}"
                yield f"memory, {told}: the arms did not do the same work"

    def _order(self, clones: ExitStack, template: Template, served: "_Served") -> MemoryOrder:
        warm_up = self.warm_up_templates[served.arm.name]
        return MemoryOrder(
            warm_up=self._turn(clones, warm_up, served), turn=self._turn(clones, template, served)
        )

    def _turn(self, clones: ExitStack, template: Template, served: "_Served") -> Turn:
        url = clones.enter_context(self.bench.workshop.clone(template))
        return Turn(arm=served.arm, url=url.render_as_string(hide_password=False), service=served.service)


@dataclass(frozen=True, slots=True)
class _Served:
    """An arm, and the service that it works beside."""

    arm: Arm
    service: str
