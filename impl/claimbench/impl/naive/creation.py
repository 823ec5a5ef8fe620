"""Stage 1, naively: each company's pending requests become batches at the API."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from claimbench.impl.batching import BackOff, PendingRequest, PlannedBatch, plan_batches
from claimbench.impl.breaker import StageBreaker
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import NOTHING_TO_ASK
from claimbench.impl.naive.queries import pending_requests
from claimbench.impl.naive.submission import submit_all
from claimbench.impl.naive.tools import Tools
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.schema import BatchRequest, Company, ProcessingRequest
from claimbench.impl.statuses import BatchStatus, RequestStatus

STAGE = Stage.CREATE_BATCHES


def create_batches_of(
    company: Company, held: Mapping[str, BackOff], tools: Tools, breaker: StageBreaker, lease: Lease
) -> StageReport:
    """Claim a company's due requests in batches, then submit these one after the other."""
    report = StageReport(STAGE)
    if breaker.is_open:
        return report
    with tools.databases() as database:
        pending = pending_requests(database, company)
        report = _give_up_silent(pending, lease.at)
        speaking = [request for request in pending if request.session.messages]
        batches = _claim(speaking, _facts(speaking, company, held), tools, lease)
        database.add_all(batches)
        database.commit()  # before the upload: a crash after it finds the batch by its key
        claimed = sum(len(batch.requests) for batch in batches)
        report = report.plus(StageReport(STAGE, skipped=len(pending) - report.failed - claimed))
        return report.plus(submit_all(batches, database, tools, breaker, lease))


def _give_up_silent(pending: Iterable[ProcessingRequest], now: datetime) -> StageReport:
    report = StageReport(STAGE)
    for request in pending:
        if not request.session.messages:
            request.status, request.error = NOTHING_TO_ASK.status, NOTHING_TO_ASK.error
            request.completed_at = now
            report = report.plus(StageReport(STAGE, failed=1))
    return report


def _facts(
    requests: Iterable[ProcessingRequest], company: Company, held: Mapping[str, BackOff]
) -> list[PendingRequest]:
    return [
        PendingRequest(
            id=request.id,
            company_id=company.id,
            model=request.model,
            requested_at=request.requested_at,
            attempts=request.attempts,
            back_off=held.get(request.model),
        )
        for request in requests
    ]


def _claim(
    requests: Sequence[ProcessingRequest], facts: Sequence[PendingRequest], tools: Tools, lease: Lease
) -> list[BatchRequest]:
    by_id = {request.id: request for request in requests}
    return [
        _claimed(planned, [by_id[request.id] for request in planned.requests], lease)
        for planned in plan_batches(facts, tools.policy, lease.at)
    ]


def _claimed(planned: PlannedBatch, requests: list[ProcessingRequest], lease: Lease) -> BatchRequest:
    for request in requests:
        request.status = RequestStatus.BATCHING_IN_PROGRESS
        request.claimed_at, request.claimed_by = lease.at, lease.by
        request.attempts += 1
    return BatchRequest(
        company_id=planned.company_id,
        model=planned.model,
        key=planned.key,
        status=BatchStatus.UPLOADING,
        created_at=lease.at,
        claimed_at=lease.at,
        claimed_by=lease.by,
        requests=requests,
    )
