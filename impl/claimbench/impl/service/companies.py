"""The companies that may use the service, as administrators see them: let in, found, and deleted."""

from datetime import datetime

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    String,
    cast,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
)
from sqlalchemy.exc import OperationalError

from claimbench.impl.schema import (
    BatchRequest,
    Company,
    CompanyApiKey,
    IdempotentSubmission,
    Message,
    ProcessingRequest,
    Session,
)
from claimbench.impl.service.display_names import name_key
from claimbench.impl.service.forms import CompanyEntry, CompanyPage, CompanyView, KeyEntry, KeyPage
from claimbench.impl.service.problems import Problem
from claimbench.impl.statuses import BatchStatus, CompanyStatus, RequestStatus

_NAMES_LOCK = 0x0C1A15
"""Key of the advisory lock under which a name is given, so that two at once are not given the same one."""
DELETION_MAX = "5min"
"""How long a deletion may take: longer than what other statements get, for it may be of millions of rows."""
UNDER_WAY = (RequestStatus.BATCHING_IN_PROGRESS, RequestStatus.RETRY_IN_PROGRESS)


class Companies:
    """Lets companies in, lists them, and deletes them with all that they have stored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str) -> CompanyView:
        """A new active company; Problem 409 when another one has that name, however it is written."""
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_NAMES_LOCK)))
            wanted = name_key(name)
            for company_id, taken in connection.execute(select(Company.id, Company.name)):
                if name_key(taken) == wanted:
                    detail = f"company {company_id} has this name already; choose another"
                    raise Problem(409, "name_taken", detail)
            row = insert(Company).values(name=name, status=CompanyStatus.ACTIVE, created_at=func.now())
            company_id = connection.execute(row.returning(Company.id)).scalar_one()
        return CompanyView(id=company_id, name=name, status=CompanyStatus.ACTIVE)

    def page(self, search: str, limit: int, after: int) -> CompanyPage:
        """Companies by id, those above `after`, whose name holds the words or whose id they are."""
        query = _ENTRIES.where(Company.id > after).order_by(Company.id).limit(limit + 1)
        if search:
            found = Company.name.icontains(search, autoescape=True)
            query = query.where(or_(found, cast(Company.id, String) == search))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        entries = tuple(CompanyEntry.model_validate(row) for row in rows[:limit])
        return CompanyPage(companies=entries, next_after=entries[-1].id if len(rows) > limit else None)

    def one(self, company_id: int) -> CompanyEntry:
        """A company; Problem 404 when there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(_ENTRIES.where(Company.id == company_id)).one_or_none()
        if row is None:
            raise _no_such_company()
        return CompanyEntry.model_validate(row)

    def keys(self, company_id: int) -> KeyPage:
        """The keys of a company, newest first, revoked ones too; Problem 404 when there is no company."""
        self.one(company_id)
        query = select(CompanyApiKey.id, CompanyApiKey.created_at, CompanyApiKey.revoked_at)
        own = query.where(CompanyApiKey.company_id == company_id).order_by(CompanyApiKey.id.desc())
        with self._engine.connect() as connection:
            rows = connection.execute(own).all()
        return KeyPage(keys=tuple(KeyEntry.model_validate(row) for row in rows))

    def delete(self, company_id: int) -> None:
        """Delete a company with its keys, sessions, requests and batches.

        Problem 404 when there is none, 409 while a stage or the API works on something of it.
        """
        with self._engine.begin() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = '{DELETION_MAX}'"))
            locked = select(Company.id).where(Company.id == company_id).with_for_update()
            if connection.execute(locked).scalar_one_or_none() is None:
                raise _no_such_company()
            _check_idle(connection, company_id)
            sessions = select(Session.id).where(Session.company_id == company_id)
            for table, owned in (
                (ProcessingRequest, ProcessingRequest.session_id.in_(sessions)),
                (BatchRequest, BatchRequest.company_id == company_id),
                (Message, Message.session_id.in_(sessions)),
                (Session, Session.company_id == company_id),
                (IdempotentSubmission, IdempotentSubmission.company_id == company_id),
                (CompanyApiKey, CompanyApiKey.company_id == company_id),
                (Company, Company.id == company_id),
            ):
                connection.execute(delete(table).where(owned))


def _check_idle(connection: Connection, company_id: int) -> None:
    """Take the company's requests, so that no stage does; Problem 409 when one already has."""
    busy = Problem(
        409,
        "company_busy",
        "requests of this company are being processed; delete it when none is under way",
    )
    own = select(ProcessingRequest.id).join(Session, Session.id == ProcessingRequest.session_id)
    taken = own.where(Session.company_id == company_id).with_for_update(nowait=True, of=ProcessingRequest)
    open_batches = exists().where(
        BatchRequest.company_id == company_id, BatchRequest.status != BatchStatus.PROCESSED
    )
    requested = own.where(Session.company_id == company_id, ProcessingRequest.status.in_(UNDER_WAY))
    try:
        connection.execute(select(func.count()).select_from(taken.subquery()))
    except OperationalError:
        raise busy from None
    if connection.execute(select(open_batches | requested.exists())).scalar_one():
        raise busy


def _no_such_company() -> Problem:
    return Problem(404, "not_found", "there is no such company")


_ENTRIES: Select[int, str, str, datetime, int] = (
    select(
        Company.id,
        Company.name,
        Company.status,
        Company.created_at,
        func.count(CompanyApiKey.id).label("active_keys"),
    )
    .outerjoin(CompanyApiKey, (CompanyApiKey.company_id == Company.id) & CompanyApiKey.revoked_at.is_(None))
    .group_by(Company.id)
)
