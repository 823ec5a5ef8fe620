"""The equivalence pass: each arm alone on its own clone, beside a service of the same outcomes.

What is compared is also what is counted, so no count is of another run than the one that was proved. The
invariants are judged on a further clone each, where the arm brings its work to an end: two arms with one
mistake are equal.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import Bench
from claimbench.loadgen.passes.counting import Counted, CountingPass
from claimbench.loadgen.workloads.port import Database, Workload
from claimbench.loadgen.workloads.work import WorkDone, compare_work
from claimbench.reports.record.values import Equivalence, Sample
from claimbench.scenarios.model import Arm, ArmRole, Scenario

VIOLATIONS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether the arms do the same, right work, the digest of that work, and the first count of each."""

    equivalence: Equivalence
    work: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class EquivalencePass:
    """What the pass needs: a bench with each arm's template at the dataset's own size."""

    scenario: Scenario
    workload: Workload
    bench: Bench
    templates: Mapping[str, Template]

    def run(self) -> Compared:
        """Compare every other arm with the reference, and hold each to the workload's invariants."""
        with ExitStack() as clones:
            counted = [*self._counted(clones)]
            violated = [*self._violated(clones)]
        samples = tuple(sample for each in counted for sample in each.samples)
        equivalence = _equivalence([each.done for each in counted], violated)
        return Compared(equivalence, counted[0].done.work.digest(), samples)

    def _arms(self) -> Sequence[Arm]:
        return sorted(self.scenario.arms, key=lambda arm: arm.role is not ArmRole.REFERENCE)

    def _counted(self, clones: ExitStack) -> Iterator[Counted]:
        size = self.scenario.dataset.size
        counting = CountingPass(self.scenario, self.workload, self.bench, self.templates, size)
        for arm in self._arms():
            self.bench.progress.step(f"equivalence: {arm.name}, {size} {self.workload.words.size}, counted")
            yield counting.count(arm, clones)

    def _violated(self, clones: ExitStack) -> Iterator[str]:
        for arm in self._arms():
            self.bench.progress.step(f"invariants: {arm.name}")
            url = clones.enter_context(self.bench.workshop.clone(self.templates[arm.name]))
            found = self.workload.violations(arm, Database(url))
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
