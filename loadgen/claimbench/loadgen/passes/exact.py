"""The exact numbers at one number of companies: what is counted and what is looked at, several times over."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.passes.counting import CountingPass
from claimbench.loadgen.passes.observation import ObservationPass
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class ExactPasses:
    """Counting and observation on one server."""

    scenario: Scenario
    server: Server
    workshop: Workshop
    progress: Progress

    def repeated(
        self, templates: Mapping[str, Template], companies: int, repeats: int, *, counted: int = 0
    ) -> Iterator[Sample]:
        """The samples of each repeat, as its block; repeats show that a counter is exact.

        counted: how many of the repeats were counted before, and are observed only. The clones are dropped
        together at the end: a drop makes the server write a checkpoint.
        """
        with ExitStack() as clones:
            for repeat in range(repeats):
                if repeat >= counted:
                    counting = CountingPass(
                        self.scenario, self.server, self.workshop, templates, companies, repeat
                    )
                    yield from counting.run(self.progress, clones)
                observation = ObservationPass(self.scenario, self.workshop, templates, companies, repeat)
                yield from observation.run(self.progress, clones)
