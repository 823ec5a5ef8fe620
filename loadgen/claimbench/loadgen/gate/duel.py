"""Contestants side by side on one server, block by block.

A block has fresh processes, in which each contestant takes a few rounds, each on a fresh clone with fresh
connections. A process costs more than a round, and its rounds share its mood: they count as one, by their
median.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy import URL

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Template, Workshop, open_server
from claimbench.loadgen.bench.relay import Relayed, relayed
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.gate.contestants import Contestant, TurnProcess
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Scenario

WARM_UP_COMPANIES = 3

ROUNDS = 4
"""An even number, so that each contestant is as often before another one as after it."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Where contestants meet: templates by index set, and the way to the server at the judged round trip."""

    scenario: Scenario
    workshop: Workshop
    way: Relayed
    templates: Mapping[str, Template]
    warm_up_templates: Mapping[str, Template]
    progress: Progress
    generator: random.Random

    def block(self, number: int, contestants: Sequence[Contestant]) -> Iterator[Sample]:
        """All get ready together, then go one by one: in random order, and in each further round reversed."""
        self.progress.step(f"block {number + 1}: {', '.join(each.name for each in contestants)}")
        with ExitStack() as stack:
            turns = [stack.enter_context(TurnProcess(each, self.scenario)) for each in contestants]
            entrants = [
                self._entrant(stack, each, turn) for each, turn in zip(contestants, turns, strict=True)
            ]
            for turn in turns:
                turn.await_ready()
            self.workshop.checkpoint()
            order = self.generator.sample(entrants, k=len(entrants))
            for round_ in range(ROUNDS):
                for entrant in order:
                    took = entrant.turn.go(entrant.urls[round_])
                    yield self._sample(entrant, number, "time", "s", took.seconds)
                    if round_ == 0:  # later on, memory that was freed hides growth
                        yield self._sample(entrant, number, "peak_memory", "B", took.peak_memory_bytes)
                order.reverse()

    def _entrant(self, stack: ExitStack, contestant: Contestant, turn: TurnProcess) -> "_Entrant":
        """Makes the clones while the process imports."""
        turn.warm_up(stack.enter_context(self.workshop.clone(self.warm_up_templates[contestant.indexes])))
        template = self.templates[contestant.indexes]
        clones = [stack.enter_context(self.workshop.clone(template)) for _ in range(ROUNDS)]
        urls = tuple(self.way.url.set(database=each.database) for each in clones)
        return _Entrant(contestant.name, turn, urls)

    def _sample(self, entrant: "_Entrant", block: int, metric: str, unit: str, value: float) -> Sample:
        return Sample(
            arm=entrant.name,
            block=block,
            stage="run",
            metric=metric,
            unit=unit,
            value=value,
            rtt_ms=self.way.asked_ms if metric == "time" else 0.0,
            size=self.scenario.dataset.companies,
        )


@dataclass(frozen=True, slots=True)
class _Entrant:
    """A contestant in a block: its process, and a database for each round."""

    name: str
    turn: TurnProcess
    urls: tuple[URL, ...]


@contextmanager
def open_ring(
    scenario: Scenario, database: str, contestants: Sequence[Contestant], progress: Progress
) -> Iterator[Ring]:
    """A server with templates for these contestants; everything is dropped at the end."""
    with ExitStack() as stack:
        server = stack.enter_context(
            open_server(database, announce=progress.note, in_memory=scenario.server.in_memory)
        )
        workshop = stack.enter_context(Workshop(server))
        progress.step(f"seeding {scenario.dataset.companies} companies")
        sets = sorted({each.indexes for each in contestants})
        sizes = (scenario.dataset.companies, WARM_UP_COMPANIES)
        full, small = (
            {
                name: workshop.template(scenario.dataset, companies=size, indexes=IndexSet(name))
                for name in sets
            }
            for size in sizes
        )
        way = stack.enter_context(relayed(server.admin_url, scenario.network.judged_rtt_ms))
        generator = random.Random(scenario.workload.seed)  # noqa: S311 (an order, not a secret)
        yield Ring(scenario, workshop, way, full, small, progress, generator)
