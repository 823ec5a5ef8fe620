"""Right pipelines of other makes: other limits, other paths, two pipelines by turns. None may be flagged."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from claimbench.impl.integration import Flags, IntegratedPipeline, Tracking
from claimbench.impl.naive import NaivePipeline
from claimbench.impl.optimized import Grouping, OptimizedPipeline, Strategies
from claimbench.impl.ports import (
    ByStage,
    Pipeline,
    PipelineContext,
    PipelineFactory,
    PipelineStats,
    Stage,
    StageReport,
    take_stage,
)


class ByTurns(ByStage):
    """The naive and the optimized pipeline, one stage each."""

    def __init__(self, context: PipelineContext) -> None:
        self._waiting: list[Pipeline] = [NaivePipeline(context), OptimizedPipeline(context)]

    def stats(self, company_id: int | None = None) -> PipelineStats:
        return self._waiting[0].stats(company_id)

    def take(self, stage: Stage, now: datetime) -> StageReport:
        if stage is Stage.RETRY_FAILED:
            self._waiting.append(self._waiting.pop(0))  # else each stage would always be of the same one
        pipeline = self._waiting.pop(0)
        self._waiting.append(pipeline)
        return take_stage(pipeline, stage, now)


def one_by_one(context: PipelineContext) -> Pipeline:
    return OptimizedPipeline(context, Strategies(grouping=Grouping.ONE_BY_ONE))


def in_parallel(context: PipelineContext) -> Pipeline:
    return OptimizedPipeline(replace(context, policy=replace(context.policy, concurrent_companies=5)))


def one_at_a_time(context: PipelineContext) -> Pipeline:
    policy = replace(
        context.policy, requests_per_batch_min=1, requests_per_batch_max=1, retries_per_company=1
    )
    return NaivePipeline(replace(context, policy=policy))


def switched_off(context: PipelineContext) -> Pipeline:
    return IntegratedPipeline(context, Flags(batch_optimization=False))


def measuring(context: PipelineContext) -> Pipeline:
    return IntegratedPipeline(context, Flags(), Tracking(measure_every=2))


def without_fallback(context: PipelineContext) -> Pipeline:
    return IntegratedPipeline(context, Flags(fallback_on_errors=False))


def two_a_batch(context: PipelineContext) -> Pipeline:
    policy = replace(context.policy, requests_per_batch_min=1, requests_per_batch_max=2)
    return OptimizedPipeline(replace(context, policy=policy))


def one_at_a_time_as_sets(context: PipelineContext) -> Pipeline:
    policy = replace(context.policy, requests_per_batch_min=1, requests_per_batch_max=1)
    return OptimizedPipeline(replace(context, policy=policy))


def without_cache(context: PipelineContext) -> Pipeline:
    return OptimizedPipeline(replace(context, policy=replace(context.policy, company_cache_ttl=timedelta(0))))


RIGHT: Mapping[str, PipelineFactory] = {
    "by turns": ByTurns,
    "company by company": one_by_one,
    "five companies at once": in_parallel,
    "one request a batch": one_at_a_time,
    "optimization switched off": switched_off,
    "measuring every other run": measuring,
    "without fallback": without_fallback,
    "two requests a batch": two_a_batch,
    "one request a batch, as sets": one_at_a_time_as_sets,
    "without a cache": without_cache,
}
