"""The mistakes of the source that leave the results right: each with what tells it from a right pipeline."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from claimbench.impl.company_cache import CacheCounts, CompanyCache
from claimbench.impl.events import EventKind, ignore
from claimbench.impl.integration.tracker import PathChoice, Tracker
from claimbench.impl.optimized import Grouping, OptimizedPipeline, Strategies
from claimbench.impl.ports import Pipeline, PipelineContext, Stage
from claimbench.impl.stage_events import Path, Reason


def still_n_plus_1(context: PipelineContext) -> Pipeline:
    """After one query for all companies, calls the functions for one company for each of them."""
    return OptimizedPipeline(context, Strategies(grouping=Grouping.ONE_BY_ONE))


class TurnsItselfOff(Tracker):
    """After five runs, compares the optimized path with an original that never ran, whose average is 0."""

    def choose(self, stage: Stage, now: datetime) -> PathChoice:
        optimized = self.figures(stage, Path.OPTIMIZED, now)
        original = self.figures(stage, Path.ORIGINAL, now)
        if optimized.samples >= 5 and (optimized.seconds_per_unit or 0) > (original.seconds_per_unit or 0):
            return PathChoice(Path.ORIGINAL, Reason.SLOWER)
        return PathChoice(Path.OPTIMIZED, Reason.FASTER)


class BlindCache(CompanyCache):
    """Keeps companies and counts nothing."""

    @property
    def counts(self) -> CacheCounts:
        return CacheCounts()


def with_blind_cache(context: PipelineContext) -> OptimizedPipeline:
    """The optimized pipeline over a cache without hits and misses."""
    deaf = replace(context, events=ignore)
    cache = BlindCache(context.engine, context.policy.company_cache_ttl, ignore)
    return OptimizedPipeline(deaf, cache=cache)


@dataclass(frozen=True, slots=True)
class Looks:
    """How often the companies were looked up, by what the pipeline told."""

    told: int

    @classmethod
    def of(cls, pipeline: Callable[[PipelineContext], Pipeline], context: PipelineContext) -> "Looks":
        """Create batches twice, and count the hits and misses that were told."""
        kinds = []
        listening = replace(context, events=lambda event: kinds.append(event.kind))
        built = pipeline(listening)
        for _ in range(2):
            built.create_batches(datetime(2026, 1, 15).astimezone())
        return cls(sum(kind in (EventKind.CACHE_HIT, EventKind.CACHE_MISS) for kind in kinds))
