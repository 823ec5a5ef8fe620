"""The pipeline that a worker runs: it can be exchanged while it runs, and what it does is observed."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from claimbench.impl.by_stage import ByStage
from claimbench.impl.company_cache import CompanyCache
from claimbench.impl.ports import (
    Pipeline,
    PipelineContext,
    PipelineStats,
    Stage,
    StageReport,
    take_stage,
)
from claimbench.impl.registry import find_pipeline
from claimbench.impl.service.ledger import StageRun

StageSink = Callable[[StageRun], None]


@runtime_checkable
class Caching(Protocol):
    """A pipeline with a company cache that can be forgotten."""

    @property
    def cache(self) -> CompanyCache:
        """The cache."""


class SteeredPipeline(ByStage):
    """A `Pipeline` that passes each stage on to the pipeline that is wanted just then.

    A stage that has begun ends on the pipeline that it began on. Each pipeline is built once, and keeps its
    cache while another one is wanted.
    """

    def __init__(self, name: str, context: PipelineContext, sink: StageSink) -> None:
        self._context, self._sink = context, sink
        self._lock = threading.Lock()
        self._built: dict[str, Pipeline] = {}
        self._name = name
        self.switch(name)

    @property
    def name(self) -> str:
        """The pipeline that the next stage runs on."""
        return self._name

    def switch(self, name: str) -> None:
        """Run on this pipeline from the next stage on; PipelineLookupError when there is none."""
        with self._lock:
            if name not in self._built:
                self._built[name] = find_pipeline(name)(self._context)
            self._name = name

    def invalidate_cache(self) -> None:
        """Forget the company caches of all pipelines that have one."""
        with self._lock:
            built = tuple(self._built.values())
        for pipeline in built:
            if isinstance(pipeline, Caching):
                pipeline.cache.invalidate()

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue."""
        return self._wanted().stats(company_id)

    def _wanted(self) -> Pipeline:
        with self._lock:
            return self._built[self._name]

    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take the stage on the wanted pipeline, and tell how it went."""
        with self._lock:
            name, pipeline = self._name, self._built[self._name]
        began, report = time.perf_counter(), None
        try:
            report = take_stage(pipeline, stage, now)
        finally:
            seconds = time.perf_counter() - began
            self._sink(StageRun(stage, name, datetime.now(UTC), seconds, report))
        return report
