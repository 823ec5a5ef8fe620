"""Stage 3 for all companies at once: files are read in parallel, their results staged and applied as sets."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import RequestOutcome, outcome_of_bad_line, outcome_without_line
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.planning import REQUESTS_AT_A_TIME
from claimbench.impl.optimized.result_rows import settlement_of_line
from claimbench.impl.optimized.settling import Settlement, Settling, settle, settle_by_copy
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, Strategies, Writing
from claimbench.impl.optimized.writing import in_transaction, portions, rows_of, write
from claimbench.impl.parallel import in_parallel
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.result_files import BatchResults, EndedBatch, ResultReader
from claimbench.impl.statuses import BatchStatus, RequestStatus

STAGE = Stage.PROCESS_RESULTS

BATCHES_AT_A_TIME = 2_000
"""Ended batches are claimed up to this number at once, oldest first."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """An ended batch with its results (None where its files could not be read)."""

    batch: EndedBatch
    results: BatchResults[Settlement] | None

    @property
    def lines(self) -> int:
        """How many requests have one."""
        return len(self.results.settled) if self.results else 0


def process_results(
    companies: Sequence[int],
    context: PipelineContext,
    now: datetime,
    strategies: Strategies = ALL_STRATEGIES,
) -> StageReport:
    """Claim the ended batches, read their files, apply them: a transaction for a few thousand lines."""
    lease = Lease(now)
    parameters = {"companies": list(companies), **lease.parameters(context.policy.claim_lease)}
    breaker, report, after = StageBreaker(context.events), StageReport(STAGE), 0
    while not breaker.is_open:
        claim = {**parameters, "after": after, "at_a_time": BATCHES_AT_A_TIME}
        rows = rows_of(context.engine, statements.CLAIM_ENDED_BATCHES, claim)
        ended = [_ended(row) for row in sorted(rows, key=lambda row: row.id)]
        report = report.plus(_processed(ended, context, breaker, lease, strategies.writing))
        if len(ended) < BATCHES_AT_A_TIME:
            break
        after = ended[-1].id
    return report


def _processed(
    ended: Sequence[EndedBatch],
    context: PipelineContext,
    breaker: StageBreaker,
    lease: Lease,
    writing: Writing,
) -> StageReport:
    reader = ResultReader(context.api, context.policy, context.events, settlement_of_line)
    report = StageReport(STAGE)
    limit = context.policy.concurrent_companies
    try:
        read = in_parallel(lambda batch: _read(batch, reader, breaker, lease.at), ended, limit)
        for portion in portions(read, lambda batch: batch.lines, REQUESTS_AT_A_TIME):
            report = report.plus(_applied(portion, context, lease, writing))
    except Exception:
        _release(ended, context, lease)
        raise
    return report


def _release(ended: Sequence[EndedBatch], context: PipelineContext, lease: Lease) -> None:
    """Let the next run, or the original pipeline, have what was not applied before the lease is over."""
    with suppress(DBAPIError):  # then the lease does it
        parameters = {"batches": [batch.id for batch in ended], "token": lease.by}
        write(context.engine, statements.RELEASE_BATCHES, parameters)


def _ended(row: Row[tuple[Any, ...]]) -> EndedBatch:
    return EndedBatch(
        id=row.id,
        model=row.model,
        status=BatchStatus(row.status),
        error=row.error,
        openai_batch_id=row.openai_batch_id,
        output_file_id=row.output_file_id,
        error_file_id=row.error_file_id,
        answered=row.answered or 0,
        completed_at=row.completed_at,
    )


def _read(
    batch: EndedBatch, reader: ResultReader[Settlement], breaker: StageBreaker, now: datetime
) -> ReadBatch:
    if breaker.is_open:
        return ReadBatch(batch, None)
    try:
        return ReadBatch(batch, reader.read(batch, now))
    except ApiError as error:
        breaker.count(error)
        return ReadBatch(batch, None)


def _applied(
    portion: Sequence[ReadBatch], context: PipelineContext, lease: Lease, writing: Writing
) -> StageReport:
    return in_transaction(
        context.engine, lambda connection: _apply(connection, portion, context, lease, writing)
    )


def _apply(
    connection: Connection,
    portion: Sequence[ReadBatch],
    context: PipelineContext,
    lease: Lease,
    writing: Writing,
) -> StageReport:
    settlements = [row for read in portion if read.results for row in read.results.settled]
    settling = Settling(STAGE, RequestStatus.BATCHING_IN_PROGRESS, context.policy, lease.at)
    if writing is Writing.SETS:
        report = settle_by_copy(connection, settlements, settling)
    else:
        report = StageReport(STAGE)
        for row in settlements:
            report = report.plus(settle(connection, (row,), settling))
    rejected = len(settlements) - report.claimed
    if rejected:
        context.events(Event(EventKind.LINE_REJECTED, f"{rejected} lines: not a request of their batch"))
    report = report.plus(_fail_missing(connection, portion, context, lease.at))
    _close(connection, portion, lease)
    return report


def _fail_missing(
    connection: Connection, portion: Sequence[ReadBatch], context: PipelineContext, now: datetime
) -> StageReport:
    blamed = _abandon_bad_lines(connection, portion, now)
    missing = [
        (read.batch.id, _missing(read.batch, read.results, blamed)) for read in portion if read.results
    ]
    parameters = {
        "batches": [batch_id for batch_id, _ in missing],
        "statuses": [outcome.status.value for _, outcome in missing],
        "errors": [outcome.error for _, outcome in missing],
        "attempts_used": [outcome.attempts_used for _, outcome in missing],
        "attempts_max": context.policy.attempts_max,
        "now": now,
    }
    failed = connection.execute(statements.FAIL_MISSING_LINES, parameters).rowcount
    if failed and any(read.batch.status is BatchStatus.COMPLETED for read in portion):
        context.events(Event(EventKind.LINE_MISSING, f"{failed} requests of {len(missing)} batches"))
    return StageReport(STAGE, claimed=failed + len(blamed), failed=failed + len(blamed))


def _abandon_bad_lines(connection: Connection, portion: Sequence[ReadBatch], now: datetime) -> Sequence[int]:
    """The batch of each request that was found to be a bad line."""
    bad = [(read.batch.id, line) for read in portion if read.results for line in read.results.bad_lines]
    if not bad:
        return ()
    parameters = {
        "batches": [batch_id for batch_id, _ in bad],
        "numbers": [line.number for _, line in bad],
        "reasons": [outcome_of_bad_line(line.reason).error for _, line in bad],
        "now": now,
    }
    return connection.scalars(statements.ABANDON_BAD_LINES, parameters).all()


def _missing(batch: EndedBatch, results: BatchResults[Settlement], blamed: Sequence[int]) -> RequestOutcome:
    """Bad lines that are nobody's explain nothing: then each of the batch's requests may be the bad one."""
    if results.bad_lines and batch.id not in blamed:
        return outcome_without_line(batch.status, batch.error)
    return results.missing


def _close(connection: Connection, portion: Sequence[ReadBatch], lease: Lease) -> None:
    whole = [read.batch.id for read in portion if read.results]
    unread = [read.batch.id for read in portion if not read.results]
    connection.execute(statements.CLOSE_BATCHES, {"batches": whole, "now": lease.at})
    if unread:
        connection.execute(statements.RELEASE_BATCHES, {"batches": unread, "token": lease.by})
