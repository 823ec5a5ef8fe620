"""Stage 3, naively: each result line finds its request, then its session, and changes both."""

from datetime import datetime

from sqlalchemy.orm import Session as Database

from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.lifecycle import outcome_without_line
from claimbench.impl.naive.queries import batches_of, requests_without_line
from claimbench.impl.naive.tools import Tools, settle
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.result_files import EndedBatch, SettledRequest, read_results
from claimbench.impl.schema import BatchRequest, Company, ProcessingRequest
from claimbench.impl.statuses import ENDED_BATCHES, BatchStatus, RequestStatus

STAGE = Stage.PROCESS_RESULTS


def process_results_of(company: Company, tools: Tools, now: datetime) -> StageReport:
    """Apply the files of each ended batch of a company; batch and requests change in one transaction."""
    report = StageReport(STAGE)
    with tools.databases() as database:
        for batch in batches_of(database, company, ENDED_BATCHES, tools, now):
            report = report.plus(_process(batch, database, tools, now))
        database.commit()
    return report


def _process(batch: BatchRequest, database: Database, tools: Tools, now: datetime) -> StageReport:
    files = EndedBatch(batch.id, batch.model, batch.output_file_id, batch.error_file_id)
    try:
        results = read_results(tools.api, files, tools.events)
    except ApiError as error:
        tools.tell(error)
        return StageReport(STAGE)
    report = StageReport(STAGE)
    for settled in results:
        report = report.plus(_apply(settled, batch, database, tools, now))
    missing = outcome_without_line(BatchStatus(batch.status), batch.error)
    for request in requests_without_line(database, batch):
        report = report.plus(settle(request, missing, tools, STAGE, now))
    batch.outcome, batch.status, batch.processed_at = batch.status, BatchStatus.PROCESSED, now
    return report.plus(StageReport(STAGE, claimed=report.completed + report.failed))


def _apply(
    settled: SettledRequest, batch: BatchRequest, database: Database, tools: Tools, now: datetime
) -> StageReport:
    request = database.get(ProcessingRequest, settled.request_id)
    if request is None or not _waits_for(batch, request):
        tools.events(Event(EventKind.LINE_REJECTED, f"batch {batch.id}: not its request"))
        return StageReport(STAGE)
    return settle(request, settled.outcome, tools, STAGE, now)


def _waits_for(batch: BatchRequest, request: ProcessingRequest) -> bool:
    return request.batch_id == batch.id and request.status == RequestStatus.BATCHING_IN_PROGRESS
