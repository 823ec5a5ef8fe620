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

from claimbench.errors import NotEquivalentError
from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import WARM_UP_SIZE, Bench, open_bench
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.gate.contestants import Contestant, TurnProcess
from claimbench.loadgen.workloads.port import Workload
from claimbench.loadgen.workloads.registry import workload_of
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Scenario

ROUNDS = 4
"""Timed ones, after one for memory. An even number: each is as often before another one as after it."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Where contestants meet: their templates by name, and the way to the server at the judged round trip."""

    scenario: Scenario
    workload: Workload
    bench: Bench
    way: Relayed
    templates: Mapping[str, Template]
    warm_up_templates: Mapping[str, Template]
    generator: random.Random

    def block(self, number: int, contestants: Sequence[Contestant]) -> Iterator[Sample]:
        """All get ready together, then go one by one: in random order, and in each further round reversed."""
        self.bench.progress.step(f"block {number + 1}: {', '.join(each.name for each in contestants)}")
        with ExitStack() as stack:
            turns = [stack.enter_context(TurnProcess(each, self.scenario)) for each in contestants]
            entrants = [
                self._entrant(stack, each, turn) for each, turn in zip(contestants, turns, strict=True)
            ]
            for turn in turns:
                turn.await_ready()
            self.bench.workshop.checkpoint()
            order = self.generator.sample(entrants, k=len(entrants))
            works = set()
            for entrant in order:
                needed = entrant.turn.remember(entrant.urls[0], entrant.service)
                works.add(needed.work)
                yield self._sample(entrant, number, "peak_memory", "B", needed.peak_memory_bytes)
            for round_ in range(1, ROUNDS + 1):
                for entrant in order:
                    took = entrant.turn.time(entrant.urls[round_], entrant.service)
                    works.add(took.work)
                    if len(works) > 1:
                        raise _other_work(entrant.name, number, round_)
                    seconds = took.seconds / self.scenario.workload.runs
                    yield self._sample(entrant, number, "time", "s", seconds)
                order.reverse()

    def _entrant(self, stack: ExitStack, contestant: Contestant, turn: TurnProcess) -> "_Entrant":
        """Makes the clones while the process imports."""
        service = stack.enter_context(self.workload.service())
        warm_up = stack.enter_context(self.bench.workshop.clone(self.warm_up_templates[contestant.indexes]))
        turn.warm_up(warm_up, service)
        template = self.templates[contestant.indexes]
        clones = [stack.enter_context(self.bench.workshop.clone(template)) for _ in range(1 + ROUNDS)]
        urls = tuple(self.way.url.set(database=each.database) for each in clones)
        return _Entrant(contestant.name, turn, service, urls)

    def _sample(self, entrant: "_Entrant", block: int, metric: str, unit: str, value: float) -> Sample:
        return Sample(
            arm=entrant.name,
            block=block,
            stage="run",
            metric=metric,
            unit=unit,
            value=value,
            rtt_ms=self.way.asked_ms if metric == "time" else 0.0,
            size=self.scenario.dataset.size,
        )


@dataclass(frozen=True, slots=True)
class _Entrant:
    """A contestant in a block: its process, the service beside it, and a database for each round."""

    name: str
    turn: TurnProcess
    service: str
    urls: tuple[URL, ...]


def _other_work(name: str, block: int, round_: int) -> NotEquivalentError:
    return NotEquivalentError(
        f"{name} did other work than the others",
        where=f"block {block + 1}, round {round_}",
        remedy="compare the two with `claimbench run`, which names the first difference",
    )


@contextmanager
def open_ring(
    scenario: Scenario, database: str, contestants: Sequence[Contestant], progress: Progress
) -> Iterator[Ring]:
    """A bench with templates for these contestants; everything is dropped at the end."""
    workload = workload_of(scenario)
    with open_bench(scenario, database, progress) as bench:
        by_indexes = {
            each.indexes: each.arm().model_copy(update={"name": each.indexes}) for each in contestants
        }
        full, small = (
            bench.templates(workload, by_indexes.values(), size)
            for size in (scenario.dataset.size, WARM_UP_SIZE)
        )
        with bench.way(scenario.network.judged_rtt_ms) as way:
            generator = random.Random(scenario.workload.seed)  # noqa: S311 (an order, not a secret)
            yield Ring(scenario, workload, bench, way, full, small, generator)
