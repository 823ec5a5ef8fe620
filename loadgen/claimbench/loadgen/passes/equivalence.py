"""The equivalence pass: each arm alone on its own clone, against a fake API of the same outcomes.

What is compared is also what is counted, so no count is of another run than the one that was proved.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.passes.counting import Counted, CountingPass
from claimbench.loadgen.passes.same_work import WorkDone, compare_work
from claimbench.reports.record.values import Equivalence, Sample
from claimbench.scenarios.model import ArmRole, Scenario


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether the arms do the same work, and the first count of each."""

    equivalence: Equivalence
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class EquivalencePass:
    """What the pass needs: a server with each arm's template at the dataset's own size."""

    scenario: Scenario
    server: Server
    workshop: Workshop
    templates: Mapping[str, Template]

    def run(self, progress: Progress) -> Compared:
        """Compare every other arm with the reference."""
        with ExitStack() as clones:
            counted = [*self._counted(progress, clones)]
        samples = tuple(sample for each in counted for sample in each.samples)
        return Compared(_equivalence([each.work for each in counted]), samples)

    def _counted(self, progress: Progress, clones: ExitStack) -> Sequence[Counted]:
        companies = self.scenario.dataset.companies
        counting = CountingPass(self.scenario, self.server, self.workshop, self.templates, companies)
        arms = sorted(self.scenario.arms, key=lambda arm: arm.role is not ArmRole.REFERENCE)
        counted = []
        for arm in arms:
            progress.step(f"equivalence: {arm.name}, {companies} companies, counted")
            counted.append(counting.count(arm, clones))
        return counted


def _equivalence(done: Sequence[WorkDone]) -> Equivalence:
    comparisons = [compare_work(done[0], other) for other in done[1:]]
    differences = tuple(line for comparison in comparisons for line in comparison.differences)
    return Equivalence(
        equal=not differences,
        differences=differences,
        rows_compared=sum(comparison.rows_compared for comparison in comparisons),
        api_requests_compared=sum(comparison.api_requests_compared for comparison in comparisons),
    )
