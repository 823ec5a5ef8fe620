"""The queries of the naive pipeline: one for the companies, the others for one company each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, exists, func, literal_column, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased, contains_eager
from sqlalchemy.orm import Session as Database

from claimbench.impl.batching import BACK_OFF_CODES, BackOff, remembered_since
from claimbench.impl.lease import holder_is_gone
from claimbench.impl.naive.tools import Tools
from claimbench.impl.schema import BatchRequest, Company, ProcessingRequest, Session
from claimbench.impl.statuses import ACCEPTED_BATCHES, BatchStatus, CompanyStatus, RequestStatus

_WITH_SESSION = contains_eager(ProcessingRequest.session)
_AND_MESSAGES = _WITH_SESSION.selectinload(Session.messages)
"""As the document's *Before* includes them: whole sessions and all their messages, by the query itself."""


def active_companies(tools: Tools) -> Sequence[Company]:
    """Every active company, by id."""
    with tools.databases() as database:
        return database.scalars(
            select(Company).where(Company.status == CompanyStatus.ACTIVE).order_by(Company.id)
        ).all()


def held_models(tools: Tools, now: datetime) -> Mapping[str, BackOff]:
    """The models whose batches the API refused since it last took one, as they were at their limit."""
    later = aliased(BatchRequest)
    went_through = exists().where(
        later.model == BatchRequest.model,
        later.created_at > BatchRequest.completed_at,
        func.coalesce(later.outcome, later.status).in_(ACCEPTED_BATCHES),
    )
    refused = (
        select(
            BatchRequest.model,
            func.count(BatchRequest.completed_at.distinct()),
            func.max(BatchRequest.completed_at),
        )
        .where(func.split_part(BatchRequest.error, ":", 1).in_(sorted(BACK_OFF_CODES)))
        .where(BatchRequest.completed_at >= remembered_since(tools.policy, now))
        .where(~went_through)
        .group_by(BatchRequest.model)
    )
    with tools.databases() as database:
        rows = database.execute(refused).all()
    return {model: BackOff(refusals, last_at) for model, refusals, last_at in rows if last_at is not None}


def pending_requests(database: Database, company: Company) -> Sequence[ProcessingRequest]:
    """A company's pending requests, oldest first, locked; those locked by others are left to them."""
    return database.scalars(
        select(ProcessingRequest)
        .options(_WITH_SESSION, _AND_MESSAGES)
        .join(ProcessingRequest.session)
        .where(Session.company_id == company.id)
        .where(ProcessingRequest.status == RequestStatus.PENDING_BATCHING)
        .order_by(ProcessingRequest.requested_at, ProcessingRequest.id)
        .with_for_update(of=ProcessingRequest, skip_locked=True)
    ).all()


def failed_requests(
    database: Database, company: Company, tools: Tools, now: datetime
) -> Sequence[ProcessingRequest]:
    """A company's failed requests and interrupted retries, oldest first, up to the limit, locked."""
    interrupted = ProcessingRequest.status == RequestStatus.RETRY_IN_PROGRESS
    return database.scalars(
        select(ProcessingRequest)
        .options(_WITH_SESSION, _AND_MESSAGES)
        .join(ProcessingRequest.session)
        .where(Session.company_id == company.id)
        .where(
            or_(
                ProcessingRequest.status == RequestStatus.PROCESSING_FAILED,
                interrupted
                & unclaimed(ProcessingRequest.claimed_at, tools, now)
                & is_gone(ProcessingRequest.claimed_by),
            )
        )
        .order_by(ProcessingRequest.requested_at, ProcessingRequest.id)
        .limit(tools.policy.retries_per_company)
        .with_for_update(of=ProcessingRequest, skip_locked=True)
    ).all()


def batches_of(
    database: Database, company: Company, statuses: Sequence[BatchStatus], tools: Tools, now: datetime
) -> Sequence[BatchRequest]:
    """A company's batches in these states, locked, but for those that another scheduler works on."""
    return database.scalars(
        select(BatchRequest)
        .where(BatchRequest.company_id == company.id, BatchRequest.status.in_(statuses))
        .where(unclaimed(BatchRequest.claimed_at, tools, now))
        .order_by(BatchRequest.id)
        .with_for_update(skip_locked=True)
    ).all()


def interrupted_uploads(database: Database, tools: Tools, now: datetime) -> Sequence[BatchRequest]:
    """Batches that an earlier run stored and did not get to the API, of active companies, locked."""
    return database.scalars(
        select(BatchRequest)
        .join(Company, Company.id == BatchRequest.company_id)
        .where(Company.status == CompanyStatus.ACTIVE, BatchRequest.status == BatchStatus.UPLOADING)
        .where(unclaimed(BatchRequest.claimed_at, tools, now), is_gone(BatchRequest.claimed_by))
        .order_by(BatchRequest.id)
        .with_for_update(of=BatchRequest, skip_locked=True)
    ).all()


def requests_without_line(database: Database, batch: BatchRequest) -> Sequence[ProcessingRequest]:
    """What is still in progress after all lines of the batch's files were applied."""
    return database.scalars(
        select(ProcessingRequest)
        .where(ProcessingRequest.batch_id == batch.id)
        .where(ProcessingRequest.status == RequestStatus.BATCHING_IN_PROGRESS)
        .order_by(ProcessingRequest.id)
        .with_for_update()
    ).all()


def unclaimed(
    claimed_at: InstrumentedAttribute[datetime | None], tools: Tools, now: datetime
) -> ColumnElement[bool]:
    """Whether nobody claims the row, or whoever did is gone for longer than a lease.

    A lease from further in the future than that was taken by a clock that was wrong.
    """
    lease = tools.policy.claim_lease
    return or_(claimed_at.is_(None), claimed_at <= now - lease, claimed_at > now + lease)


def is_gone(claimed_by: InstrumentedAttribute[UUID | None]) -> ColumnElement[bool]:
    """Whether no stage that lives holds the row; see `claimbench.impl.lease`."""
    table = claimed_by.class_.__tablename__
    return literal_column(holder_is_gone(f"{table}.{claimed_by.key}"), Boolean())
