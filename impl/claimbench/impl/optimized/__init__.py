"""The optimized pipeline: the document's five strategies, carried all the way.

Indexes (made by whoever owns the schema), selective fetching (prompts are streamed from the server,
complete), a company cache, one statement per stage for all companies, and companies in parallel. Writes
are set-based too, so the number of statements does not grow with companies or rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from claimbench.impl.company_cache import CompanyCache
from claimbench.impl.optimized.checking import check_statuses
from claimbench.impl.optimized.creation import create_batches
from claimbench.impl.optimized.results import process_results
from claimbench.impl.optimized.retries import retry_failed
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, CacheUse, Concurrency, Grouping, Strategies
from claimbench.impl.ports import (
    PipelineContext,
    PipelineStats,
    RunReport,
    Stage,
    StageReport,
    run_stages,
)
from claimbench.impl.queue_stats import queue_stats

__all__ = ["Grouping", "OptimizedPipeline", "Strategies"]

_StageWork = Callable[[Sequence[int], PipelineContext, datetime, Strategies], StageReport]


class OptimizedPipeline:
    """A constant number of statements for each stage, whatever the number of companies.

    cache: one that is shared with another pipeline; None makes one of its own.
    """

    def __init__(
        self,
        context: PipelineContext,
        strategies: Strategies = ALL_STRATEGIES,
        cache: CompanyCache | None = None,
    ) -> None:
        policy = context.policy
        if strategies.caching is CacheUse.ASKED_AGAIN:
            policy = replace(policy, company_cache_ttl=timedelta(0))
        if strategies.concurrency is Concurrency.SERIAL:
            policy = replace(policy, concurrent_companies=1)
        self._context, self._strategies = replace(context, policy=policy), strategies
        self.cache = cache or CompanyCache(context.engine, policy.company_cache_ttl, context.events)

    def create_batches(self, now: datetime) -> StageReport:
        """Batch the pending requests of all active companies."""
        return self._take(Stage.CREATE_BATCHES, create_batches, now)

    def check_statuses(self, now: datetime) -> StageReport:
        """Ask the API about all open batches, in parallel."""
        return self._take(Stage.CHECK_STATUSES, check_statuses, now)

    def process_results(self, now: datetime) -> StageReport:
        """Download all ended batches in parallel and apply their results as sets."""
        return self._take(Stage.PROCESS_RESULTS, process_results, now)

    def retry_failed(self, now: datetime) -> StageReport:
        """Send failed requests of all companies alone, in parallel."""
        return self._take(Stage.RETRY_FAILED, retry_failed, now)

    def run(self, now: datetime) -> RunReport:
        """The four stages once."""
        return run_stages(self, now)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue."""
        return queue_stats(self._context.engine, company_id)

    def _take(self, stage: Stage, work: _StageWork, now: datetime) -> StageReport:
        companies = self.cache.active_companies(now)
        if self._strategies.grouping is Grouping.TOGETHER:
            return work(companies, self._context, now, self._strategies)
        report = StageReport(stage)
        for company_id in companies:
            report = report.plus(work((company_id,), self._context, now, self._strategies))
        return report
