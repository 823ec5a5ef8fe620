"""Stage 1, naively: each company's pending requests become batches at the API."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from claimbench.impl.backing_off import BackOff
from claimbench.impl.batching import PendingRequest, PlannedBatch, plan_batches
from claimbench.impl.brake import Brake
from claimbench.impl.claims import Claim
from claimbench.impl.lifecycle import NO_MESSAGES, Outcome
from claimbench.impl.naive.queries import pending_requests
from claimbench.impl.naive.submission import submit_all
from claimbench.impl.naive.tools import Tools
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.schema import BatchRequest, Company, ProcessingRequest
from claimbench.impl.statuses import BatchStatus, RequestStatus

STAGE = Stage.CREATE_BATCHES

NOTHING_TO_ASK = Outcome(RequestStatus.PROCESSING_ABANDONED, NO_MESSAGES)


def create_batches_of(
    company: Company, held: Mapping[str, BackOff], tools: Tools, brake: Brake, claim: Claim
) -> StageReport:
    """Claim a company's due requests in batches, then submit these one after the other."""
    report = StageReport(STAGE)
    if brake.is_pulled:
        return report
    with tools.databases() as database:
        pending = pending_requests(database, company)
        report = _give_up_silent(pending, claim.at)
        speaking = [request for request in pending if request.session.messages]
        batches = _claim(speaking, _facts(speaking, company, held), tools, claim)
        database.add_all(batches)
        database.commit()  # before the upload: a crash after it finds the batch by its key
        claimed = sum(len(batch.requests) for batch in batches)
        report = report.plus(StageReport(STAGE, skipped=len(pending) - report.failed - claimed))
        return report.plus(submit_all(batches, database, tools, brake, claim))


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
    requests: Sequence[ProcessingRequest], facts: Sequence[PendingRequest], tools: Tools, claim: Claim
) -> list[BatchRequest]:
    by_id = {request.id: request for request in requests}
    return [
        _claimed(planned, [by_id[request.id] for request in planned.requests], claim)
        for planned in plan_batches(facts, tools.policy, claim.at)
    ]


def _claimed(planned: PlannedBatch, requests: list[ProcessingRequest], claim: Claim) -> BatchRequest:
    for request in requests:
        request.status = RequestStatus.BATCHING_IN_PROGRESS
        request.claimed_at, request.claimed_by = claim.at, claim.by
        request.attempts += 1
    return BatchRequest(
        company_id=planned.company_id,
        model=planned.model,
        key=planned.key,
        status=BatchStatus.UPLOADING,
        created_at=claim.at,
        claimed_at=claim.at,
        claimed_by=claim.by,
        requests=requests,
    )
