"""The exact numbers at one size: what is counted and what is looked at, several times over."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import Bench
from claimbench.loadgen.passes.bench_at_size import BenchAtSize
from claimbench.loadgen.passes.counting import CountingPass
from claimbench.loadgen.passes.observation import ObservationPass
from claimbench.loadgen.workloads.port import Workload
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class ExactPasses:
    """Counting and observation on one bench."""

    scenario: Scenario
    workload: Workload
    bench: Bench

    def repeated(
        self, templates: Mapping[str, Template], size: int, repeats: int, *, counted: int = 0
    ) -> Iterator[Sample]:
        """The samples of each repeat, as its block; repeats show that a counter is exact.

        counted: how many of the repeats were counted before, and are observed only. The clones are dropped
        together at the end: a drop makes the server write a checkpoint.
        """
        with ExitStack() as clones:
            for repeat in range(repeats):
                at = BenchAtSize(self.scenario, self.workload, self.bench, templates, size, repeat)
                if repeat >= counted:
                    yield from CountingPass(at).run(clones)
                yield from ObservationPass(at).run(clones)
