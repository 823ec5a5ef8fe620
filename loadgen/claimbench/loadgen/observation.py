"""What is looked at once, of the candidate alone: how its cache hits, and which indexes plans use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from claimbench.impl.ports import Stage
from claimbench.loadgen.cache_use import CacheUse, follow_timetable
from claimbench.loadgen.databases import Template, Workshop
from claimbench.loadgen.plans import index_uses
from claimbench.loadgen.progress import Progress
from claimbench.loadgen.stand import open_stand
from claimbench.loadgen.workload import call_stage
from claimbench.reports.record import Sample
from claimbench.scenarios.metrics import TIMETABLE
from claimbench.scenarios.model import Arm, ArmRole, Scenario


@dataclass(frozen=True, slots=True)
class ObservationPass:
    """What the pass needs, for one number of companies."""

    scenario: Scenario
    workshop: Workshop
    templates: Mapping[str, Template]
    companies: int
    repeat: int = 0
    """Which time this is, from 0: repeats show that a counter is exact."""

    def run(self, progress: Progress) -> Iterator[Sample]:
        """The samples of every candidate."""
        for arm in self.scenario.arms:
            if arm.role is ArmRole.CANDIDATE:
                progress.step(f"plans: {arm.name}, {self.companies} companies")
                yield from self._plans(arm)
                if self.companies == self.scenario.dataset.companies:  # the timetable decides, not the size
                    yield from self._cache(arm)

    def _plans(self, arm: Arm) -> Iterator[Sample]:
        """Ask about each index at the start of the stage that needs it, in the first scheduler run."""
        with (
            self.workshop.clone(self.templates[arm.name]) as url,
            open_stand(arm.pipeline, url, self.scenario.api) as stand,
        ):
            for stage in Stage:
                now = stand.clock.now()
                with stand.engine.connect() as connection:
                    uses = list(index_uses(connection, stage))
                for use in uses:
                    yield self._sample(arm, use.index.name, "index_used", "flag", float(use.used))
                call_stage(stand.pipeline, stage, now)

    def _cache(self, arm: Arm) -> Iterator[Sample]:
        """A pipeline without a cache yields nothing: the claim about it is then not measured."""
        use = CacheUse()
        with (
            self.workshop.clone(self.templates[arm.name]) as url,
            open_stand(arm.pipeline, url, self.scenario.api, use) as stand,
        ):
            follow_timetable(stand, self.scenario.workload.timetable)
        if use.hit_rate is not None:
            yield self._sample(arm, TIMETABLE, "cache_hit_rate", "ratio", use.hit_rate)

    def _sample(self, arm: Arm, stage: str, metric: str, unit: str, value: float) -> Sample:
        return Sample(
            arm=arm.name,
            block=self.repeat,
            stage=stage,
            metric=metric,
            unit=unit,
            value=value,
            rtt_ms=0.0,
            companies=self.companies,
        )
