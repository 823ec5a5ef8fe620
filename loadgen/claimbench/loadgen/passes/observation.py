"""What is looked at once, of the candidate alone: how its cache hits, and which indexes plans use."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import URL

from claimbench.impl.company_cache import CacheCounter
from claimbench.impl.ports import Stage
from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import take
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.plans import IndexUse, index_uses
from claimbench.loadgen.workloads.batch_pipeline.session import Stand, open_stand
from claimbench.loadgen.workloads.batch_pipeline.timetable import timetable
from claimbench.reports.record.values import Sample
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

    def run(self, progress: Progress, clones: ExitStack) -> Iterator[Sample]:
        """The samples of every candidate; the clones go when the caller lets them."""
        for arm in self.scenario.arms:
            if arm.role is ArmRole.CANDIDATE:
                progress.step(f"plans and cache: {arm.name}, {self.companies} companies")
                yield from self._observe(
                    arm, clones.enter_context(self.workshop.clone(self.templates[arm.name]))
                )

    def _observe(self, arm: Arm, url: URL) -> Iterator[Sample]:
        """A pipeline without a cache yields no hit rate: the claim about it is then not measured."""
        cache = CacheCounter(uncounted_lookups=1)
        with open_stand(arm.pipeline, url, self.scenario.api, cache) as stand:
            for index in follow_timetable(stand, self._duration()):
                sample = self._sample(arm, index.index.name, "index_used", "flag", float(index.used))
                yield sample.model_copy(update={"note": ", then ".join(index.steps)})
        if cache.counts.hit_rate is not None and self._is_full_size():
            yield self._sample(arm, TIMETABLE, "cache_hit_rate", "ratio", cache.counts.hit_rate)

    def _duration(self) -> timedelta:
        """How long to follow the timetable: what the cache does depends on that alone, not on the size."""
        return self.scenario.workload.timetable if self._is_full_size() else timedelta(minutes=1)

    def _is_full_size(self) -> bool:
        return self.companies == self.scenario.dataset.companies

    def _sample(self, arm: Arm, stage: str, metric: str, unit: str, value: float) -> Sample:
        return Sample(
            arm=arm.name,
            block=self.repeat,
            stage=stage,
            metric=metric,
            unit=unit,
            value=value,
            rtt_ms=0.0,
            size=self.companies,
        )


def follow_timetable(stand: Stand, duration: timedelta) -> Iterator[IndexUse]:
    """Call the stages when the document's scheduler would; ask the planner before the first call of each."""
    begun: set[Stage] = set()
    for offset, stage in timetable(duration):
        due = EPOCH + offset
        stand.clock.advance(due - stand.clock.now())
        if stage not in begun:
            begun.add(stage)
            with stand.engine.connect() as connection:
                yield from [*index_uses(connection, stage)]
        take(stand.pipeline, stage, due)
