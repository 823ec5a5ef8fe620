"""The naive pipeline: what an honest team writes first, with an ORM, company by company, row by row.

It is correct and it is not slowed down on purpose: objects do not expire on commit, and it commits only
where a crash would otherwise lose or repeat paid work.
"""

from datetime import datetime

from sqlalchemy.orm import sessionmaker

from claimbench.impl.breaker import CHAT_PATIENCE, StageBreaker
from claimbench.impl.lease import Lease
from claimbench.impl.naive.checking import check_statuses_of
from claimbench.impl.naive.creation import create_batches_of
from claimbench.impl.naive.queries import active_companies, held_models
from claimbench.impl.naive.results import process_results_of
from claimbench.impl.naive.retries import retry_failed_of
from claimbench.impl.naive.submission import resume_interrupted
from claimbench.impl.naive.tools import Tools, for_each
from claimbench.impl.ports import (
    PipelineContext,
    PipelineStats,
    RunReport,
    Stage,
    StageReport,
    run_stages,
)
from claimbench.impl.queue_stats import queue_stats


class NaivePipeline:
    """A query for the companies in each stage, then at least one for each company, then some for each row."""

    def __init__(self, context: PipelineContext) -> None:
        databases = sessionmaker(context.engine, expire_on_commit=False)
        self._tools = Tools(databases, context.api, context.policy, context.events)
        self._engine = context.engine

    def create_batches(self, now: datetime) -> StageReport:
        """Finish interrupted uploads, then batch each company's pending requests."""
        tools, breaker, lease = self._tools, StageBreaker(self._tools.events), Lease(now)
        companies = active_companies(tools)
        held = held_models(tools, now)
        report = resume_interrupted(tools, breaker, lease)
        return for_each(
            companies, lambda company: create_batches_of(company, held, tools, breaker, lease), report, tools
        )

    def check_statuses(self, now: datetime) -> StageReport:
        """Ask the API about each open batch of each company."""
        tools, breaker = self._tools, StageBreaker(self._tools.events)
        report = StageReport(Stage.CHECK_STATUSES)
        companies = active_companies(tools)
        return for_each(
            companies, lambda company: check_statuses_of(company, tools, breaker, now), report, tools
        )

    def process_results(self, now: datetime) -> StageReport:
        """Download and apply the results of each ended batch of each company."""
        tools, breaker = self._tools, StageBreaker(self._tools.events)
        report = StageReport(Stage.PROCESS_RESULTS)
        companies = active_companies(tools)
        return for_each(
            companies, lambda company: process_results_of(company, tools, breaker, now), report, tools
        )

    def retry_failed(self, now: datetime) -> StageReport:
        """Send each company's failed requests alone, oldest first, up to the limit."""
        tools, breaker = self._tools, StageBreaker(self._tools.events, CHAT_PATIENCE)
        lease = Lease(now)
        report = StageReport(Stage.RETRY_FAILED)
        companies = active_companies(tools)
        return for_each(
            companies, lambda company: retry_failed_of(company, tools, breaker, lease), report, tools
        )

    def run(self, now: datetime) -> RunReport:
        """The four stages once."""
        return run_stages(self, now)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue."""
        return queue_stats(self._engine, company_id)
