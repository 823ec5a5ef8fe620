"""Stage 1, naively: each company's pending requests become batches at the API."""

import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session as Database

from claimbench.impl.batching import PendingRequest, PlannedBatch, plan_batches
from claimbench.impl.errors import ApiError
from claimbench.impl.jsonl import CustomId, request_line
from claimbench.impl.lifecycle import NO_MESSAGES, Outcome
from claimbench.impl.naive.queries import interrupted_uploads, pending_requests
from claimbench.impl.naive.tools import Tools, prompt_of, settle
from claimbench.impl.ports import ApiBatch, Stage, StageReport, batch_metadata
from claimbench.impl.schema import BatchRequest, Company, ProcessingRequest
from claimbench.impl.statuses import BatchStatus, ProcessingType, RequestStatus

STAGE = Stage.CREATE_BATCHES


def create_batches_of(company: Company, tools: Tools, now: datetime) -> StageReport:
    """Claim a company's due requests in batches, then submit these one after the other."""
    with tools.databases() as database:
        pending = pending_requests(database, company)
        report = _give_up_silent(pending, tools, now)
        batches = _claim([request for request in pending if request.session.messages], company, tools, now)
        database.add_all(batches)
        database.commit()  # before the upload: a crash after it finds the batch by its key
        claimed = sum(len(batch.requests) for batch in batches)
        report = report.plus(StageReport(STAGE, skipped=len(pending) - report.failed - claimed))
        for batch in batches:
            report = report.plus(_submit(batch, database, tools, now))
    return report


def resume_interrupted(tools: Tools, now: datetime) -> StageReport:
    """Adopt what the API already has of an interrupted upload, or submit it again."""
    report = StageReport(STAGE)
    with tools.databases() as database:
        batches = interrupted_uploads(database, tools, now)
        for batch in batches:
            batch.claimed_at = now
        database.commit()
        for batch in batches:
            report = report.plus(_resume(batch, database, tools, now))
    return report


def _give_up_silent(pending: Iterable[ProcessingRequest], tools: Tools, now: datetime) -> StageReport:
    report = StageReport(STAGE)
    nothing_to_ask = Outcome(RequestStatus.PROCESSING_ABANDONED, NO_MESSAGES)
    for request in pending:
        if not request.session.messages:
            report = report.plus(settle(request, nothing_to_ask, tools, STAGE, now))
    return report


def _claim(
    requests: Sequence[ProcessingRequest], company: Company, tools: Tools, now: datetime
) -> list[BatchRequest]:
    facts = (
        PendingRequest(request.id, company.id, request.model, request.requested_at, request.attempts)
        for request in requests
    )
    by_id = {request.id: request for request in requests}
    return [
        _claimed(planned, [by_id[request.id] for request in planned.requests], now)
        for planned in plan_batches(facts, tools.policy, now)
    ]


def _claimed(planned: PlannedBatch, requests: list[ProcessingRequest], now: datetime) -> BatchRequest:
    for request in requests:
        request.status, request.claimed_at = RequestStatus.BATCHING_IN_PROGRESS, now
        request.attempts += 1
    return BatchRequest(
        company_id=planned.company_id,
        model=planned.model,
        key=planned.key,
        status=BatchStatus.UPLOADING,
        created_at=now,
        claimed_at=now,
        requests=requests,
    )


def _submit(batch: BatchRequest, database: Database, tools: Tools, now: datetime) -> StageReport:
    size = len(batch.requests)
    lines = b"".join(
        request_line(CustomId(request.id, ProcessingType(request.processing_type)), prompt_of(request))
        for request in sorted(batch.requests, key=lambda r: (r.requested_at, r.id))
    )
    try:
        file_id = tools.api.upload(f"{batch.key}.jsonl", io.BytesIO(lines))
        created = tools.api.create_batch(file_id, batch_metadata(batch.key, batch.company_id))
    except ApiError as error:
        tools.tell(error)
        if not error.retryable:
            batch.status, batch.error = BatchStatus.FAILED, str(error)
            batch.completed_at, batch.claimed_at = now, None
            database.commit()
        return StageReport(STAGE, claimed=size, failed=size)
    _record(batch, created)
    database.commit()
    return StageReport(STAGE, claimed=size, created=size)


def _resume(batch: BatchRequest, database: Database, tools: Tools, now: datetime) -> StageReport:
    size = len(batch.requests)
    try:
        found = tools.api.find_batch(batch.key)
    except ApiError as error:
        tools.tell(error)
        return StageReport(STAGE, claimed=size, failed=size)
    if found is None:
        return _submit(batch, database, tools, now)
    _record(batch, found)
    database.commit()
    return StageReport(STAGE, claimed=size, created=size)


def _record(batch: BatchRequest, created: ApiBatch) -> None:
    batch.openai_batch_id, batch.input_file_id = created.id, created.input_file_id
    batch.status, batch.claimed_at = BatchStatus.VALIDATING, None
