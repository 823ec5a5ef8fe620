"""The equivalence pass: each arm alone on its own clone, beside a service of the same outcomes.

What is compared is also what is counted, so no count is of another run than the one that was proved. The
invariants are judged on a further clone each, where the arm brings its work to an end: two arms with one
mistake are equal.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from claimbench.loadgen.passes.bench_at_size import BenchAtSize
from claimbench.loadgen.passes.counting import Counted, CountingPass
from claimbench.loadgen.workloads.port import Database
from claimbench.loadgen.workloads.work import WorkDone, compare_work
from claimbench.reports.record.values import Equivalence, Sample
from claimbench.scenarios.model import Arm, ArmRole

VIOLATIONS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether the arms do the same, right work, the digest of that work, and the first count of each."""

    equivalence: Equivalence
    work: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class EquivalencePass:
    """Compares at the dataset's own size."""

    at: BenchAtSize

    def run(self) -> Compared:
        """Compare every other arm with the reference, and hold each to the workload's invariants."""
        with ExitStack() as clones:
            counted = [*self._counted(clones)]
            violated = [*self._violated(clones)]
        samples = tuple(sample for each in counted for sample in each.samples)
        equivalence = _equivalence([each.done for each in counted], violated)
        return Compared(equivalence, counted[0].done.work.digest(), samples)

    def _arms(self) -> Sequence[Arm]:
        return sorted(self.at.scenario.arms, key=lambda arm: arm.role is not ArmRole.REFERENCE)

    def _counted(self, clones: ExitStack) -> Iterator[Counted]:
        at, counting = self.at, CountingPass(self.at)
        for arm in self._arms():
            at.bench.progress.step(f"equivalence: {arm.name}, {at.size} {at.workload.words.size}, counted")
            yield counting.count(arm, clones)

    def _violated(self, clones: ExitStack) -> Iterator[str]:
        for arm in self._arms():
            self.at.bench.progress.step(f"invariants: {arm.name}")
            url = clones.enter_context(self.at.clone(arm))
            found = self.at.workload.violations(arm, Database(url))
            yield from (f"{arm.name} {sentence}" for sentence in found[:VIOLATIONS_TOLD])
            if len(found) > VIOLATIONS_TOLD:
                yield f"{arm.name}: and {len(found) - VIOLATIONS_TOLD} more violations"


def _equivalence(done: Sequence[WorkDone], violated: Sequence[str]) -> Equivalence:
    comparisons = [compare_work(done[0], other) for other in done[1:]]
    differences = tuple(line for comparison in comparisons for line in comparison.differences)
    return Equivalence(
        equal=not differences and not violated,
        differences=(*differences, *violated),
        rows_compared=sum(comparison.rows_compared for comparison in comparisons),
        api_requests_compared=sum(comparison.api_requests_compared for comparison in comparisons),
    )
