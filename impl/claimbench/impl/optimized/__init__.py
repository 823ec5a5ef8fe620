"""The optimized pipeline: the document's five strategies, carried all the way.

Indexes (made by whoever owns the schema), selective fetching (prompts are streamed from the server,
complete), a company cache, one statement per stage for all companies, and companies in parallel. Writes
are set-based too, so the number of statements does not grow with companies or rows.
"""

from datetime import datetime

from claimbench.impl.company_cache import CompanyCache
from claimbench.impl.optimized.checking import check_statuses
from claimbench.impl.optimized.creation import create_batches
from claimbench.impl.optimized.results import process_results
from claimbench.impl.optimized.retries import retry_failed
from claimbench.impl.ports import PipelineContext, PipelineStats, RunReport, StageReport, run_stages
from claimbench.impl.queue_stats import queue_stats


class OptimizedPipeline:
    """A constant number of statements for each stage, whatever the number of companies."""

    def __init__(self, context: PipelineContext) -> None:
        self._context = context
        self.cache = CompanyCache(context.engine, context.policy.company_cache_ttl, context.events)

    def create_batches(self, now: datetime) -> StageReport:
        """Batch the pending requests of all active companies."""
        return create_batches(self.cache.active_companies(now), self._context, now)

    def check_statuses(self, now: datetime) -> StageReport:
        """Ask the API about all open batches, in parallel."""
        return check_statuses(self.cache.active_companies(now), self._context, now)

    def process_results(self, now: datetime) -> StageReport:
        """Download all ended batches in parallel and apply their results as sets."""
        return process_results(self.cache.active_companies(now), self._context, now)

    def retry_failed(self, now: datetime) -> StageReport:
        """Send failed requests of all companies alone, in parallel."""
        return retry_failed(self.cache.active_companies(now), self._context, now)

    def run(self, now: datetime) -> RunReport:
        """The four stages once."""
        return run_stages(self, now)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue."""
        return queue_stats(self._context.engine, company_id)
