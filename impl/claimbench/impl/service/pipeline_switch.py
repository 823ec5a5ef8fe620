"""Which pipeline a worker runs: it can be exchanged while the worker runs."""

import threading
from datetime import datetime
from typing import Protocol, runtime_checkable

from claimbench.impl.company_cache import CompanyCache
from claimbench.impl.ports import Pipeline, PipelineContext
from claimbench.impl.registry import find_pipeline
from claimbench.impl.scheduler import NamedPipeline


@runtime_checkable
class Caching(Protocol):
    """A pipeline with a company cache that can be forgotten."""

    @property
    def cache(self) -> CompanyCache:
        """The cache."""


class PipelineSwitch:
    """Gives the pipeline that is wanted just then; a `PipelineSource`, safe in threads.

    Each pipeline is built once, and keeps its cache, until that expires, while another one is wanted.
    """

    def __init__(self, name: str, context: PipelineContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._built: dict[str, Pipeline] = {}
        self._name = name
        self.switch(name)

    @property
    def name(self) -> str:
        """The pipeline that the next stage runs on."""
        return self._name

    def __call__(self) -> NamedPipeline:
        """The pipeline that the next stage runs on, by its name."""
        with self._lock:
            return NamedPipeline(self._name, self._built[self._name])

    def switch(self, name: str) -> None:
        """Run on this pipeline from the next stage on; PipelineLookupError when there is none."""
        with self._lock:
            if name not in self._built:
                self._built[name] = find_pipeline(name)(self._context)
            self._name = name

    def invalidate_cache(self) -> None:
        """Forget the company caches of all pipelines that have one."""
        for cache in self._caches():
            cache.invalidate()

    def clean_up(self, now: datetime) -> None:
        """Let go what has expired in the company caches of all pipelines, also of those not wanted now."""
        for cache in self._caches():
            cache.clean_up(now)

    def _caches(self) -> tuple[CompanyCache, ...]:
        with self._lock:
            built = tuple(self._built.values())
        return tuple(pipeline.cache for pipeline in built if isinstance(pipeline, Caching))
