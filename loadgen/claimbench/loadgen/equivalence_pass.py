"""The equivalence pass: each arm alone on its own clone, against a fake API of the same outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass

from claimbench.loadgen.databases import Template, Workshop
from claimbench.loadgen.equivalence import ApiWork, WorkDone, compare_work
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.final_state import read_final_state
from claimbench.loadgen.progress import Progress
from claimbench.loadgen.stand import open_stand
from claimbench.loadgen.workload import drive, unobserved
from claimbench.reports.record import Equivalence
from claimbench.scenarios.model import Arm, ArmRole, Scenario


@dataclass(frozen=True, slots=True)
class EquivalencePass:
    """What the pass needs: each arm's template."""

    scenario: Scenario
    workshop: Workshop
    templates: Mapping[str, Template]

    def run(self, progress: Progress) -> Equivalence:
        """Compare every other arm with the reference."""
        arms = sorted(self.scenario.arms, key=lambda arm: arm.role is not ArmRole.REFERENCE)
        done = [self._work(arm, progress) for arm in arms]
        comparisons = [compare_work(done[0], other) for other in done[1:]]
        differences = tuple(line for comparison in comparisons for line in comparison.differences)
        return Equivalence(
            equal=not differences,
            differences=differences,
            rows_compared=sum(comparison.rows_compared for comparison in comparisons),
            api_requests_compared=sum(comparison.api_requests_compared for comparison in comparisons),
        )

    def _work(self, arm: Arm, progress: Progress) -> WorkDone:
        progress.step(f"equivalence: {arm.name}")
        workload = self.scenario.workload
        with (
            self.workshop.clone(self.templates[arm.name]) as url,
            open_stand(arm.pipeline, url, self.scenario.api) as stand,
        ):
            drive(stand.pipeline, stand.clock, workload.runs, workload.step, unobserved)
            return WorkDone(arm.name, read_final_state(stand.engine), _submitted(stand.fake))


def _submitted(fake: FakeOpenAI) -> tuple[ApiWork, ...]:
    return tuple(
        ApiWork(work.channel.value, work.custom_id, work.body.decode()) for work in fake.meters().submitted
    )
