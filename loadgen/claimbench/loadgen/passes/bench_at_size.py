"""Where an exact number is taken: one scenario on one bench, at one size, for the first time or again."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import URL

from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import Bench
from claimbench.loadgen.probes.reading import Reading
from claimbench.loadgen.workloads.port import Workload
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Arm, Scenario


@dataclass(frozen=True, slots=True)
class BenchAtSize:
    """What equivalence, counting and observation need."""

    scenario: Scenario
    workload: Workload
    bench: Bench
    templates: Mapping[str, Template]
    size: int
    repeat: int = 0
    """Which time this is, from 0: repeats show that a counter is exact."""

    def clone(self, arm: Arm) -> AbstractContextManager[URL]:
        """A database of the arm's own."""
        return self.bench.workshop.clone(self.templates[arm.name])

    def sample(self, arm: Arm, step: str, reading: Reading, note: str = "") -> Sample:
        """A reading of an arm, as it is recorded; it knows no round-trip time."""
        return Sample(
            arm=arm.name,
            block=self.repeat,
            stage=step,
            metric=reading.metric,
            unit=reading.unit,
            value=reading.value,
            rtt_ms=0.0,
            size=self.size,
            note=note,
        )
