"""What an error count counts: the requests that failed and the batches that ended badly, newest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from claimbench.impl.ports import Stage
from claimbench.impl.schema import BatchRequest, Company, ProcessingRequest, Session
from claimbench.impl.statuses import BatchStatus, RequestStatus

ROWS_MAX = 100
FAILED = (RequestStatus.PROCESSING_FAILED, RequestStatus.PROCESSING_ABANDONED)
ENDED_BADLY = (BatchStatus.EXPIRED, BatchStatus.CANCELLED, BatchStatus.FAILED)


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that has no answer, and why."""

    id: int
    session_id: int
    company_id: int
    company: str
    kind: str
    status: str
    attempts: int
    requested_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class BadBatch:
    """A batch that the API did not complete, and why."""

    id: int
    company_id: int
    company: str
    outcome: str
    created_at: datetime
    error: str


def failed_requests(
    engine: Engine, company_id: int | None, operation: Stage | None
) -> tuple[FailedRequest, ...]:
    """The newest hundred; none where an operation is asked for that answers no request."""
    if operation not in (None, Stage.PROCESS_RESULTS, Stage.RETRY_FAILED):
        return ()
    request = ProcessingRequest
    query = (
        select(
            request.id,
            Session.id.label("session_id"),
            Company.id.label("company_id"),
            Company.name.label("company"),
            request.processing_type.label("kind"),
            request.status,
            request.attempts,
            request.requested_at,
            func.coalesce(request.error, "").label("error"),
        )
        .join(Session, Session.id == request.session_id)
        .join(Company, Company.id == Session.company_id)
        .where(request.status.in_(FAILED))
        .order_by(request.requested_at.desc(), request.id.desc())
        .limit(ROWS_MAX)
    )
    if company_id is not None:
        query = query.where(Company.id == company_id)
    with engine.connect() as connection:
        return tuple(FailedRequest(*row) for row in connection.execute(query))


def bad_batches(engine: Engine, company_id: int | None, operation: Stage | None) -> tuple[BadBatch, ...]:
    """The newest hundred; none where another operation is asked for than the one that meets them."""
    if operation not in (None, Stage.CHECK_STATUSES):
        return ()
    outcome = func.coalesce(BatchRequest.outcome, BatchRequest.status)
    query = (
        select(
            BatchRequest.id,
            Company.id.label("company_id"),
            Company.name.label("company"),
            outcome.label("outcome"),
            BatchRequest.created_at,
            func.coalesce(BatchRequest.error, "").label("error"),
        )
        .join(Company, Company.id == BatchRequest.company_id)
        .where(outcome.in_(ENDED_BADLY))
        .order_by(BatchRequest.id.desc())
        .limit(ROWS_MAX)
    )
    if company_id is not None:
        query = query.where(Company.id == company_id)
    with engine.connect() as connection:
        return tuple(BadBatch(*row) for row in connection.execute(query))
