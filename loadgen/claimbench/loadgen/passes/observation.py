"""What is looked at once, of the candidates alone: what the workload wants to be seen of them."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from claimbench.loadgen.passes.bench_at_size import BenchAtSize
from claimbench.loadgen.workloads.port import Database
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import ArmRole


@dataclass(frozen=True, slots=True)
class ObservationPass:
    """Looks at one size."""

    at: BenchAtSize

    def run(self, clones: ExitStack) -> Iterator[Sample]:
        """The samples of every candidate; the clones go when the caller lets them."""
        at = self.at
        for arm in at.scenario.arms:
            if arm.role is not ArmRole.CANDIDATE:
                continue
            at.bench.progress.step(f"looking at {arm.name}, {at.size} {at.workload.words.size}")
            url = clones.enter_context(at.clone(arm))
            for seen in at.workload.observations(arm, Database(url), at.size):
                yield at.sample(arm, seen.step, seen.reading, seen.note)
