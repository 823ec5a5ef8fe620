"""Contestants side by side on one server: each block has fresh processes, clones and connections."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.databases import Template, Workshop, open_server
from claimbench.loadgen.gate.contestants import Contestant, Took, TurnProcess, Urls
from claimbench.loadgen.progress import Progress
from claimbench.loadgen.relay import Relayed, relayed
from claimbench.reports.record import Sample
from claimbench.scenarios.model import Scenario

WARM_UP_COMPANIES = 3


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
        """Each contestant once: all get ready together, then they go one by one in random order."""
        self.progress.step(f"block {number + 1}: {', '.join(each.name for each in contestants)}")
        with ExitStack() as stack:
            turns = {
                each.name: stack.enter_context(TurnProcess(each, self.scenario, self._urls(stack, each)))
                for each in contestants
            }
            for turn in turns.values():
                turn.await_ready()
            self.workshop.checkpoint()
            for name in self.generator.sample(list(turns), k=len(turns)):
                yield from self._samples(name, number, turns[name].go())

    def _urls(self, stack: ExitStack, contestant: Contestant) -> Urls:
        work = stack.enter_context(self.workshop.clone(self.templates[contestant.indexes]))
        warm_up = stack.enter_context(self.workshop.clone(self.warm_up_templates[contestant.indexes]))
        return Urls(self.way.url.set(database=work.database), warm_up)

    def _samples(self, name: str, block: int, took: Took) -> Iterator[Sample]:
        for metric, unit, value, rtt_ms in (
            ("time", "s", took.seconds, self.way.asked_ms),
            ("peak_memory", "B", took.peak_memory_bytes, 0.0),
        ):
            yield Sample(
                arm=name,
                block=block,
                stage="run",
                metric=metric,
                unit=unit,
                value=value,
                rtt_ms=rtt_ms,
                companies=self.scenario.dataset.companies,
            )


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
