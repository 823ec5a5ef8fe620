"""What is looked at once, of the candidates alone: what the workload wants to be seen of them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import Bench
from claimbench.loadgen.workloads.port import Database, Workload
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import ArmRole, Scenario


@dataclass(frozen=True, slots=True)
class ObservationPass:
    """What the pass needs, for one size."""

    scenario: Scenario
    workload: Workload
    bench: Bench
    templates: Mapping[str, Template]
    size: int
    repeat: int = 0
    """Which time this is, from 0: repeats show that a counter is exact."""

    def run(self, clones: ExitStack) -> Iterator[Sample]:
        """The samples of every candidate; the clones go when the caller lets them."""
        for arm in self.scenario.arms:
            if arm.role is not ArmRole.CANDIDATE:
                continue
            self.bench.progress.step(f"looking at {arm.name}, {self.size} {self.workload.words.size}")
            url = clones.enter_context(self.bench.workshop.clone(self.templates[arm.name]))
            for seen in self.workload.observations(arm, Database(url), self.size):
                yield Sample(
                    arm=arm.name,
                    block=self.repeat,
                    stage=seen.step,
                    metric=seen.reading.metric,
                    unit=seen.reading.unit,
                    value=seen.reading.value,
                    rtt_ms=0.0,
                    size=self.size,
                    note=seen.note,
                )
