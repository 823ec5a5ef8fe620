"""The integration layer, a pipeline itself: per stage it takes the optimized path or the original one."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import text

from claimbench.errors import UsageError
from claimbench.impl.company_cache import CompanyCache
from claimbench.impl.events import Event, EventKind
from claimbench.impl.integration.tracker import PathChoice, PathFigures, PathRun, Tracker, Tracking
from claimbench.impl.naive import NaivePipeline
from claimbench.impl.optimized import Grouping, OptimizedPipeline, Strategies
from claimbench.impl.ports import (
    ByStage,
    Pipeline,
    PipelineContext,
    PipelineStats,
    Stage,
    StageReport,
)
from claimbench.impl.queue_stats import queue_stats
from claimbench.impl.stage_events import ChoiceEvent, FallbackEvent, Path, Reason, time_stage

__all__ = ["Flags", "IntegratedPipeline", "Path", "PathFigures", "Tracking"]

_RETRIES_UNDER_WAY = text("""
    SELECT EXISTS (SELECT FROM ai_processing_request WHERE claimed_at = :now
                   AND status IN ('RETRY_IN_PROGRESS', 'PROCESSING_COMPLETE', 'PROCESSING_FAILED',
                                  'PROCESSING_ABANDONED'))
""")


ACCEPTED = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Flags:
    """What the integrated pipeline may use. All on: optimized, in sets, in parallel, with fallback."""

    batch_optimization: bool = True
    batch_operations: bool = True
    parallel_processing: bool = True
    fallback_on_errors: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Flags":
        """The variables as they are set; a UsageError names the one whose value is neither true nor false."""
        return cls(**{name: _flag(environment, variable) for name, variable in VARIABLES.items()})


VARIABLES = {
    "batch_optimization": "ENABLE_BATCH_OPTIMIZATION",
    "batch_operations": "ENABLE_BATCH_OPERATIONS",
    "parallel_processing": "ENABLE_PARALLEL_PROCESSING",
    "fallback_on_errors": "FALLBACK_ON_ERRORS",
}


def _flag(environment: Mapping[str, str], variable: str) -> bool:
    text = environment.get(variable, "true")
    try:
        return ACCEPTED[text.strip().lower()]
    except KeyError:
        raise UsageError(
            f"{text!r} is neither true nor false", where=variable, remedy="write true or false, or unset it"
        ) from None


class IntegratedPipeline(ByStage):
    """Safe in threads. What a path claims in the database, the other leaves alone: nothing is done twice.

    flags: None reads the environment, now. ticks: gives the seconds by which the paths are compared.
    """

    def __init__(
        self,
        context: PipelineContext,
        flags: Flags | None = None,
        tracking: Tracking | None = None,
        ticks: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._context, self._ticks = context, ticks
        self._flags = flags or Flags.from_environment(os.environ)
        self._tracker = Tracker(tracking or Tracking())
        self._lock = threading.Lock()
        self.cache = CompanyCache(context.engine, context.policy.company_cache_ttl, context.events)
        self._original: Pipeline = NaivePipeline(context)
        self._optimized = self._build()

    @property
    def flags(self) -> Flags:
        """The flags that the next stage goes by."""
        return self._flags

    def switch(self, flags: Flags) -> None:
        """Go by these flags from the next stage on; what runs ends as it began. No schema changes."""
        with self._lock:
            self._flags = flags
            self._optimized = self._build()
        self._context.events(Event(EventKind.SWITCH, str(flags)))

    def figures(self, stage: Stage, path: Path, now: datetime) -> PathFigures:
        """What the tracker knows of a path."""
        return self._tracker.figures(stage, path, now)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue."""
        return queue_stats(self._context.engine, company_id)

    def _build(self) -> Pipeline:
        policy = self._context.policy
        if not self._flags.parallel_processing:
            policy = replace(policy, concurrent_companies=1)
        grouping = Grouping.TOGETHER if self._flags.batch_operations else Grouping.ONE_BY_ONE
        return OptimizedPipeline(
            replace(self._context, policy=policy), Strategies(grouping=grouping), self.cache
        )

    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take the stage on the path that does best."""
        with self._lock:
            flags, optimized = self._flags, self._optimized
        choice = PathChoice(Path.ORIGINAL, Reason.SWITCHED_OFF)
        if flags.batch_optimization:
            choice = self._tracker.choose(stage, now)
        told = f"{stage}: {choice.path}, {choice.reason}"
        self._context.events(
            ChoiceEvent(EventKind.CHOICE, told, stage=stage, path=choice.path, reason=choice.reason)
        )
        if choice.path is Path.ORIGINAL:
            return self._tracked(stage, choice.path, self._original, now)
        try:
            return self._tracked(stage, choice.path, optimized, now)
        except Exception as error:
            if not flags.fallback_on_errors:
                raise
            return self._fall_back(stage, error, now)

    def _tracked(self, stage: Stage, path: Path, pipeline: Pipeline, now: datetime) -> StageReport:
        """Take the stage on a path, and let the tracker know how it went; whoever runs us tells it."""
        run = time_stage(pipeline, stage, now, self._ticks)
        units = run.report.claimed if run.report else 0
        self._tracker.record(stage, path, PathRun(now, run.seconds, units, run.report is not None))
        return run.result()

    def _fall_back(self, stage: Stage, error: Exception, now: datetime) -> StageReport:
        """Run the original on what is left: whatever the failed path had claimed at `now` is not its own.

        Retries are limited per company and run, and a failed run has used up an unknown part of that: if it
        came to claim any, the rest waits for the next run.
        """
        later = stage is Stage.RETRY_FAILED and self._has_begun_retries(now)
        resumed = "later" if later else "at once"
        self._context.events(
            FallbackEvent(
                EventKind.FALLBACK, f"{stage}: {type(error).__name__}: {error}", stage=stage, resumed=resumed
            )
        )
        if later:
            return StageReport(stage)
        return self._tracked(stage, Path.ORIGINAL, self._original, now)

    def _has_begun_retries(self, now: datetime) -> bool:
        with self._context.engine.connect() as connection:
            return bool(connection.scalar(_RETRIES_UNDER_WAY, {"now": now}))
