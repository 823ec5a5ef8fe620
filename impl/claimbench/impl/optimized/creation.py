"""Stage 1 for all companies at once, in chunks: claim, write the prompts to disk, submit in parallel."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import chain
from threading import Lock

from sqlalchemy import Connection

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.lease import Lease
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.planning import REQUESTS_AT_A_TIME, BatchPlanner, ClaimedBatch
from claimbench.impl.optimized.prompt_files import PromptFiles, PromptFileWriter
from claimbench.impl.optimized.sessions import living_session, own_session
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, Strategies, written_together
from claimbench.impl.optimized.submission import InterruptedBatch, SubmittedBatch, Submitter, held
from claimbench.impl.optimized.writing import portions, rows_of, write
from claimbench.impl.parallel import ahead, in_parallel
from claimbench.impl.ports import PipelineContext, Stage, StageReport

STAGE = Stage.CREATE_BATCHES


def create_batches(
    companies: Sequence[int],
    context: PipelineContext,
    now: datetime,
    strategies: Strategies = ALL_STRATEGIES,
) -> StageReport:
    """Finish what was interrupted, then claim what is due and hand it to the API, a chunk at a time."""
    return _Creation(context, Lease(now), strategies).run(companies)


class _Creation:
    """One call of the stage. What it has not claimed when the API takes no more stays pending."""

    def __init__(self, context: PipelineContext, lease: Lease, strategies: Strategies) -> None:
        self._context, self._lease, self._strategies = context, lease, strategies
        self._breaker = StageBreaker(context.events)
        self._submitter = Submitter(context, self._breaker)
        self._lock = Lock()
        self._report = StageReport(STAGE)
        self._looked_for: frozenset[int] = frozenset()
        """Batches that the API had not when it was asked, and may yet show."""

    def run(self, companies: Sequence[int]) -> StageReport:
        """The claim of a chunk runs while the one before it is sent, over a session of its own."""
        engine = self._context.engine
        is_parallel = self._context.policy.concurrent_companies > 1
        with own_session(engine) as claims:
            made = self._chunks(companies, claims)
            with closing(ahead(made) if is_parallel else made) as chunks:
                first = next(chunks, None)
                if first is not None:
                    with living_session(engine, self._lease) as prompts:
                        for batches in chain((first,), chunks):
                            self._send(batches, prompts)
        return self._report

    def _count(self, **counts: int) -> None:
        with self._lock:
            self._report = self._report.plus(StageReport(STAGE, **counts))

    def _chunks(self, companies: Sequence[int], claims: Connection) -> Generator[tuple[ClaimedBatch, ...]]:
        """Batches that are ours, interrupted ones first, at most so many requests at a time."""
        yield from portions(self._resumed(companies), lambda batch: batch.requests, REQUESTS_AT_A_TIME)
        planner = BatchPlanner(claims, self._context.policy, self._lease, self._strategies.writing)
        plan = planner.plan(companies)
        self._count(failed=plan.silent, skipped=plan.waiting)
        for chunk in plan.chunks:
            if self._breaker.is_open:
                self._count(skipped=chunk.requests)
                continue
            claimed = planner.claim(chunk)
            self._count(skipped=chunk.requests - sum(batch.requests for batch in claimed))
            if claimed:
                yield claimed
        planner.drop()

    def _resumed(self, companies: Sequence[int]) -> Sequence[ClaimedBatch]:
        """What earlier runs left, but for what the API turns out to have: that is adopted."""
        parameters = {
            "companies": list(companies),
            **self._lease.parameters(self._context.policy.claim_lease),
        }
        rows = rows_of(self._context.engine, statements.CLAIM_INTERRUPTED_UPLOADS, parameters)
        left = [InterruptedBatch(**row._mapping) for row in sorted(rows, key=lambda row: row.id)]
        found = self._submitter.find([batch for batch in left if batch.was_sent])
        self._settle([one for one in found if one.is_settled])
        settled = {one.batch_id for one in found if one.is_settled}
        self._looked_for = frozenset(one.batch_id for one in found if not one.is_settled)
        again = [batch for batch in left if batch.id not in settled]
        self._forget([batch.id for batch in again if not batch.requests])
        return [ClaimedBatch(batch.id, batch.requests) for batch in again if batch.requests]

    def _send(self, batches: Sequence[ClaimedBatch], prompts: Connection) -> None:
        """Write the files, then submit them: nothing is open at the server meanwhile but the session."""
        if self._breaker.is_open:
            self._settle([held(batch.id, batch.requests, was_sent=False) for batch in batches])
            return
        writer = PromptFileWriter(self._context, self._lease, self._strategies.fetching)
        with writer.written(prompts, [batch.id for batch in batches]) as written:
            self._submit(written)
        self._count(failed=written.unsent)
        self._forget(written.empty)

    def _submit(self, written: PromptFiles) -> None:
        """What is done is written down, if not all could be done."""
        done: list[SubmittedBatch] = []
        limit = self._context.policy.concurrent_companies
        try:
            for submission in in_parallel(self._submitter.submit, written.files, limit):
                done.append(submission)  # noqa: PERF402 (what is done must not be lost when one breaks)
        finally:
            self._settle(done)

    def _settle(self, submissions: Sequence[SubmittedBatch]) -> None:
        may_appear = self._looked_for
        told = [replace(one, was_sent=one.was_sent or one.batch_id in may_appear) for one in submissions]
        for together in written_together(told, self._strategies.writing):
            self._submitter.record(together, self._lease)
        for one in submissions:
            if one.batch:
                self._count(claimed=one.requests, created=one.requests)
            else:
                self._count(claimed=one.requests, failed=one.requests)

    def _forget(self, empty: Sequence[int]) -> None:
        if empty:
            write(self._context.engine, statements.DELETE_EMPTY_BATCHES, {"batches": list(empty)})
