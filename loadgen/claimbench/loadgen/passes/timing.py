"""The timing pass: pytest-benchmark times each arm once in each block, in random order, with no probe on.

A block is a fresh process with fresh clones and fresh connections: that is the unit of replication.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import Bench
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.processes.forks import Forks
from claimbench.loadgen.processes.messages import TimeReading, TimingOrder, Turn
from claimbench.loadgen.processes.scratch import scratch_folder
from claimbench.loadgen.workloads.port import Workload
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Arm, Scenario

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TimedBlock:
    """A block, from 0, and its turns in the order in which they were taken."""

    number: int
    turns: tuple[TimeReading, ...]


@dataclass(frozen=True, slots=True)
class TimingPass:
    """What the pass needs: each arm's template, a tiny one for warm-ups, the ways to the server, and a
    fork for each block.
    """

    scenario: Scenario
    workload: Workload
    bench: Bench
    templates: Mapping[str, Template]
    warm_up_templates: Mapping[str, Template]
    ways: Sequence[Relayed]
    forks: Forks

    def run(self) -> Iterator[TimedBlock]:
        """Yield each block as it ends."""
        generator = random.Random(self.scenario.workload.seed)  # noqa: S311 (an order, not a secret)
        blocks = self.scenario.workload.blocks
        judged = [way for way in self.ways if way.asked_ms == self.scenario.network.judged_rtt_ms]
        shown = self.scenario.workload.shown_among(blocks)
        with ExitStack() as stack:
            services = {arm.name: stack.enter_context(self.workload.service()) for arm in self.scenario.arms}
            for block in range(blocks):
                self.bench.progress.step(f"timing: block {block + 1} of {blocks}")
                ways = self.ways if block in shown else judged
                with ExitStack() as held:
                    order = self._order(held, ways, services, generator)
                    yield TimedBlock(block, self.forks.time(order))

    def _order(
        self, held: ExitStack, ways: Sequence[Relayed], services: Mapping[str, str], generator: random.Random
    ) -> TimingOrder:
        def turn(arm: Arm, way: Relayed | None, templates: Mapping[str, Template]) -> Turn:
            url = held.enter_context(self.bench.workshop.clone(templates[arm.name]))
            through = way.url.set(database=url.database) if way else url
            text = through.render_as_string(hide_password=False)
            return Turn(arm=arm, url=text, service=services[arm.name], rtt_ms=way.asked_ms if way else 0.0)

        turns = [
            turn(arm, way, self.templates)
            for way in _shuffled(ways, generator)
            for arm in _shuffled(self.scenario.arms, generator)
        ]
        warm_ups = [turn(arm, None, self.warm_up_templates) for arm in self.scenario.arms]
        self.bench.workshop.checkpoint()
        folder = str(held.enter_context(scratch_folder("timing")))
        return TimingOrder(warm_ups=tuple(warm_ups), turns=tuple(turns), folder=folder)

    def samples(self, block: TimedBlock) -> Iterator[Sample]:
        """Seconds of one run, and of its steps."""
        runs = self.scenario.workload.runs
        for turn in block.turns:
            for step, seconds in (("run", turn.seconds), *turn.steps.items()):
                yield Sample(
                    arm=turn.arm,
                    block=block.number,
                    stage=step,
                    metric="time",
                    unit="s",
                    value=seconds / runs,
                    rtt_ms=turn.rtt_ms,
                    size=self.scenario.dataset.size,
                )


def _shuffled(items: Sequence[Item], generator: random.Random) -> list[Item]:
    return generator.sample(list(items), k=len(items))
