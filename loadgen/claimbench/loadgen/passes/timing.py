"""The timing pass: pytest-benchmark times each arm once in each block, in random order, with no probe on.

A block is a fresh process with fresh clones and fresh connections: that is the unit of replication.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.processes.forks import Forks
from claimbench.loadgen.processes.messages import TimedTurn, TimingOrder, Turn
from claimbench.loadgen.processes.scratch import scratch_folder
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Arm, Scenario

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TimingPass:
    """What the pass needs: each arm's template, a tiny one for warm-ups, the ways to the server, and a
    fork for each block.
    """

    scenario: Scenario
    workshop: Workshop
    templates: Mapping[str, Template]
    warm_up_templates: Mapping[str, Template]
    ways: Sequence[Relayed]
    forks: Forks

    def run(self, progress: Progress) -> Iterator[Sample]:
        """Yield the samples of each block as it ends."""
        generator = random.Random(self.scenario.workload.seed)  # noqa: S311 (an order, not a secret)
        blocks = self.scenario.workload.blocks
        judged = [way for way in self.ways if way.asked_ms == self.scenario.network.judged_rtt_ms]
        shown = self.scenario.workload.shown_among(blocks)
        for block in range(blocks):
            progress.step(f"timing: block {block + 1} of {blocks}")
            with ExitStack() as held:
                ways = self.ways if block in shown else judged
                timed = self.forks.time(self._order(held, ways, generator))
            for turn in timed.turns:
                yield from self._samples(block, turn)

    def _order(self, held: ExitStack, ways: Sequence[Relayed], generator: random.Random) -> TimingOrder:
        turns = [
            self._turn(held, arm, way, self.templates)
            for way in _shuffled(ways, generator)
            for arm in _shuffled(self.scenario.arms, generator)
        ]
        warm_ups = [self._turn(held, arm, None, self.warm_up_templates) for arm in self.scenario.arms]
        self.workshop.checkpoint()
        workload = self.scenario.workload
        return TimingOrder(
            warm_ups=tuple(warm_ups),
            turns=tuple(turns),
            runs=workload.runs,
            step_s=workload.step.total_seconds(),
            api=self.scenario.api,
            folder=str(held.enter_context(scratch_folder("timing"))),
        )

    def _turn(
        self, held: ExitStack, arm: Arm, way: Relayed | None, templates: Mapping[str, Template]
    ) -> Turn:
        url = held.enter_context(self.workshop.clone(templates[arm.name]))
        through = way.url.set(database=url.database) if way else url
        return Turn(
            arm=arm.name,
            pipeline=arm.pipeline,
            url=through.render_as_string(hide_password=False),
            rtt_ms=way.asked_ms if way else 0.0,
        )

    def _samples(self, block: int, turn: TimedTurn) -> Iterator[Sample]:
        runs = self.scenario.workload.runs
        for stage, seconds in (("run", turn.seconds), *turn.stages.items()):
            yield Sample(
                arm=turn.arm,
                block=block,
                stage=stage,
                metric="time",
                unit="s",
                value=seconds / runs,
                rtt_ms=turn.rtt_ms,
                size=self.scenario.dataset.companies,
            )


def _shuffled(items: Sequence[Item], generator: random.Random) -> list[Item]:
    return generator.sample(list(items), k=len(items))
