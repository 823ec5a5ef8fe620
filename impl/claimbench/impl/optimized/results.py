"""Stage 3 for all companies at once: files are read in parallel, their results applied as sets."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.lifecycle import Outcome, outcome_without_line
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.parallel import in_parallel
from claimbench.impl.optimized.settling import Settlement, Settling, settle
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.result_files import EndedBatch, SettledRequest, read_results
from claimbench.impl.statuses import BatchStatus, RequestStatus

STAGE = Stage.PROCESS_RESULTS

REQUESTS_AT_A_TIME = 5_000
"""Results of whole batches are collected up to this number before they are written in one transaction."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """An ended batch with its results (None where its files could not be read)."""

    batch: EndedBatch
    missing: Outcome
    results: tuple[SettledRequest, ...] | None


def process_results(companies: Sequence[int], context: PipelineContext, now: datetime) -> StageReport:
    """Claim the ended batches, read their files, apply them: a transaction for a few thousand lines."""
    stale = now - context.policy.claim_lease
    parameters = {"companies": list(companies), "now": now, "stale": stale}
    with context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        rows = connection.execute(statements.CLAIM_ENDED_BATCHES, parameters).all()
    ended = [
        ReadBatch(
            EndedBatch(row.id, row.model, row.output_file_id, row.error_file_id),
            outcome_without_line(BatchStatus(row.status), row.error),
            None,
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]
    limit = context.policy.concurrent_companies
    report = StageReport(STAGE)
    for portion in _portions(in_parallel(lambda batch: _read(batch, context), ended, limit)):
        with context.engine.begin() as connection:
            report = report.plus(_apply(connection, portion, context, now))
    return report


def _read(batch: ReadBatch, context: PipelineContext) -> ReadBatch:
    try:
        results = read_results(context.api, batch.batch, context.events)
    except ApiError as error:
        context.events(Event(EventKind.API_ERROR, str(error)))
        return batch
    return ReadBatch(batch.batch, batch.missing, results)


def _portions(batches: Iterable[ReadBatch]) -> Iterator[list[ReadBatch]]:
    portion: list[ReadBatch] = []
    lines = 0
    for batch in batches:
        portion.append(batch)
        lines += len(batch.results or ())
        if lines >= REQUESTS_AT_A_TIME:
            yield portion
            portion, lines = [], 0
    if portion:
        yield portion


def _apply(
    connection: Connection, portion: Sequence[ReadBatch], context: PipelineContext, now: datetime
) -> StageReport:
    settlements = [
        Settlement(settled.request_id, read.batch.id, settled.outcome)
        for read in portion
        for settled in read.results or ()
    ]
    settling = Settling(STAGE, RequestStatus.BATCHING_IN_PROGRESS, context.policy, now)
    report = settle(connection, settlements, settling)
    rejected = len(settlements) - report.claimed
    if rejected:
        context.events(Event(EventKind.LINE_REJECTED, f"{rejected} lines: not a request of their batch"))
    whole = [read for read in portion if read.results is not None]
    report = report.plus(_fail_missing(connection, whole, context, now))
    _close(connection, portion, now)
    return report


def _fail_missing(
    connection: Connection, portion: Sequence[ReadBatch], context: PipelineContext, now: datetime
) -> StageReport:
    parameters = {
        "batches": [read.batch.id for read in portion],
        "statuses": [read.missing.status.value for read in portion],
        "errors": [read.missing.error for read in portion],
        "attempts_max": context.policy.attempts_max,
        "now": now,
    }
    failed = connection.execute(statements.FAIL_MISSING_LINES, parameters).rowcount
    return StageReport(STAGE, claimed=failed, failed=failed)


def _close(connection: Connection, portion: Sequence[ReadBatch], now: datetime) -> None:
    whole = [read.batch.id for read in portion if read.results is not None]
    unread = [read.batch.id for read in portion if read.results is None]
    connection.execute(statements.CLOSE_BATCHES, {"batches": whole, "now": now})
    if unread:
        connection.execute(statements.RELEASE_BATCHES, {"batches": unread})
