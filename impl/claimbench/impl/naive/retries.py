"""Stage 4, naively: failed requests are sent alone, one after the other."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session as Database

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import (
    HELD,
    INTERRUPTED,
    NOTHING_TO_ASK,
    RequestOutcome,
    outcome_of_answer,
    outcome_of_refusal,
)
from claimbench.impl.naive.queries import failed_requests
from claimbench.impl.naive.tools import Tools, prompt_of, settle
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.prices import PriceFactor
from claimbench.impl.schema import Company, ProcessingRequest
from claimbench.impl.statuses import ProcessingType, RequestStatus

STAGE = Stage.RETRY_FAILED


def retry_failed_of(company: Company, tools: Tools, breaker: StageBreaker, lease: Lease) -> StageReport:
    """Send a company's failed requests alone; each answer is stored before the next call."""
    report = StageReport(STAGE)
    if breaker.is_open:
        return report
    with tools.databases() as database:
        for request in _claim(company, database, tools, lease):
            if not _is_ours(request, database, lease):
                database.commit()
                continue
            outcome = HELD if breaker.is_open else _ask(request, tools, breaker)
            report = report.plus(StageReport(STAGE, claimed=1))
            report = report.plus(settle(request, outcome, tools, STAGE, lease.at))
            database.commit()  # the answer is paid for: a crash loses one at most
    return report


def _claim(company: Company, database: Database, tools: Tools, lease: Lease) -> Sequence[ProcessingRequest]:
    """Count the attempt before the call, so that a request that kills its scheduler cannot do so for ever."""
    claimed = []
    for request in failed_requests(database, company, tools, lease.at):
        if request.attempts >= tools.policy.attempts_max:
            settle(
                request, RequestOutcome(RequestStatus.PROCESSING_FAILED, INTERRUPTED), tools, STAGE, lease.at
            )
            continue
        request.status = RequestStatus.RETRY_IN_PROGRESS
        request.claimed_at, request.claimed_by = lease.at, lease.by
        request.attempts += 1
        claimed.append(request)
    database.commit()
    return claimed


def _is_ours(request: ProcessingRequest, database: Database, lease: Lease) -> bool:
    """Lock the request while it is asked: who slept for longer than a lease finds that another has it."""
    return (
        database.scalars(
            select(ProcessingRequest.id)
            .where(ProcessingRequest.id == request.id)
            .where(ProcessingRequest.status == RequestStatus.RETRY_IN_PROGRESS)
            .where(ProcessingRequest.claimed_by == lease.by)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        is not None
    )


def _ask(request: ProcessingRequest, tools: Tools, breaker: StageBreaker) -> RequestOutcome:
    if not request.session.messages:
        return NOTHING_TO_ASK  # as the first stage has it: an empty prompt would be paid for
    try:
        completion = tools.api.complete(prompt_of(request).body())
    except ApiError as error:
        breaker.count(error)
        return outcome_of_refusal(error)
    breaker.succeeded()
    kind = ProcessingType(request.processing_type)
    return outcome_of_answer(kind, request.model, PriceFactor.ALONE, completion)
