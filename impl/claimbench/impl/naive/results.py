"""Stage 3, naively: each result line finds its request, then its session, and changes both."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session as Database

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError, IncompleteFilesError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.lifecycle import RequestOutcome, outcome_of_bad_line, outcome_without_line
from claimbench.impl.naive.queries import batches_of, requests_without_line
from claimbench.impl.naive.tools import Tools, settle
from claimbench.impl.ports import BadLine, Stage, StageReport
from claimbench.impl.result_files import (
    BatchResults,
    EndedBatch,
    ResultReader,
    settled_request,
)
from claimbench.impl.schema import BatchRequest, Company, ProcessingRequest
from claimbench.impl.statuses import ENDED_BATCHES, BatchStatus, RequestStatus

STAGE = Stage.PROCESS_RESULTS


def process_results_of(company: Company, tools: Tools, breaker: StageBreaker, now: datetime) -> StageReport:
    """Apply the files of each ended batch of a company; batch and requests change in one transaction."""
    report = StageReport(STAGE)
    with tools.databases() as database:
        for batch in batches_of(database, company, ENDED_BATCHES, tools, now):
            if not breaker.is_open:
                report = report.plus(_process(batch, database, tools, breaker, now))
        database.commit()
    return report


def _process(
    batch: BatchRequest, database: Database, tools: Tools, breaker: StageBreaker, now: datetime
) -> StageReport:
    reader = ResultReader(tools.api, tools.policy, tools.events, settled_request)
    settled: dict[int, RequestOutcome] = {}
    try:
        results = reader.read(_ended(batch), now, settled.__setitem__)
    except ApiError as error:
        breaker.count(error)
        if isinstance(error, IncompleteFilesError):
            batch.incomplete_since = error.since
        return StageReport(STAGE)
    report = StageReport(STAGE)
    for request_id in sorted(settled):
        report = report.plus(_apply(request_id, settled[request_id], batch, database, tools, now))
    waiting = requests_without_line(database, batch)
    bad = _bad_requests(results.bad_lines, waiting)
    missing = _missing(batch, results, bad)
    for request in waiting:
        report = report.plus(settle(request, bad.get(request.id, missing), tools, STAGE, now))
    if waiting and batch.status == BatchStatus.COMPLETED:
        tools.events(Event(EventKind.LINE_MISSING, f"batch {batch.id}: {len(waiting)} requests"))
    batch.outcome, batch.status, batch.processed_at = batch.status, BatchStatus.PROCESSED, now
    return report.plus(StageReport(STAGE, claimed=report.completed + report.failed))


def _ended(batch: BatchRequest) -> EndedBatch:
    return EndedBatch(
        id=batch.id,
        model=batch.model,
        status=BatchStatus(batch.status),
        error=batch.error,
        openai_batch_id=batch.openai_batch_id,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        answered=batch.answered or 0,
        incomplete_since=batch.incomplete_since,
    )


def _bad_requests(
    bad_lines: Sequence[BadLine], members: Sequence[ProcessingRequest]
) -> dict[int, RequestOutcome]:
    """Line numbers count the requests in the order in which they were written."""
    written = sorted(members, key=lambda request: (request.requested_at, request.id))
    return {
        written[line.number - 1].id: outcome_of_bad_line(line.reason)
        for line in bad_lines
        if line.number <= len(written)
    }


def _missing(batch: BatchRequest, results: BatchResults, bad: dict[int, RequestOutcome]) -> RequestOutcome:
    """Bad lines that are nobody's explain nothing: then each of the batch's requests may be the bad one."""
    if results.bad_lines and not bad:
        return outcome_without_line(BatchStatus(batch.status), batch.error)
    return results.missing


def _apply(
    request_id: int,
    outcome: RequestOutcome,
    batch: BatchRequest,
    database: Database,
    tools: Tools,
    now: datetime,
) -> StageReport:
    request = database.get(ProcessingRequest, request_id, with_for_update=True)
    if request is None or not _waits_for(batch, request):
        tools.events(Event(EventKind.LINE_REJECTED, f"batch {batch.id}: not its request"))
        return StageReport(STAGE)
    return settle(request, outcome, tools, STAGE, now)


def _waits_for(batch: BatchRequest, request: ProcessingRequest) -> bool:
    return request.batch_id == batch.id and request.status == RequestStatus.BATCHING_IN_PROGRESS
