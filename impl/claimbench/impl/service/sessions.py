"""Sessions in the database: stored in one transaction, once per idempotency key; read by their company."""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, insert, select, update
from sqlalchemy.dialects import postgresql

from claimbench.impl.queue_stats import queue_stats
from claimbench.impl.schema import IdempotentSubmission, Message, ProcessingRequest, Session
from claimbench.impl.service.forms import (
    Answers,
    BulkReceipt,
    RequestReceipt,
    RequestView,
    SessionForm,
    SessionPage,
    SessionReceipt,
    SessionView,
    Statistics,
)
from claimbench.impl.service.problems import Problem
from claimbench.impl.statuses import RequestStatus

Forms = tuple[SessionForm, ...]


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """What a submission led to; `replayed` when its key had been used for the same content before."""

    receipt: BulkReceipt
    replayed: bool


class SessionWriter:
    """Stores submissions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, company_id: int, forms: Forms, idempotency_key: str | None) -> StoredSubmission:
        """Store the sessions, or give the receipt that this key got before.

        Problem 422 when the key was used for other content. Of two simultaneous submissions with one key,
        the second waits for the first.
        """
        with self._engine.begin() as connection:
            if idempotency_key is None:
                return StoredSubmission(_store(connection, company_id, forms), replayed=False)
            digest = _digest(forms)
            if not _claim(connection, company_id, idempotency_key, digest):
                return _earlier(connection, company_id, idempotency_key, digest)
            receipt = _store(connection, company_id, forms)
            _keep(connection, company_id, idempotency_key, receipt)
            return StoredSubmission(receipt, replayed=False)


def _digest(forms: Forms) -> str:
    digest = hashlib.sha256()
    for form in forms:
        digest.update(form.model_dump_json().encode())
    return digest.hexdigest()


def _claim(connection: Connection, company_id: int, key: str, digest: str) -> bool:
    claim = postgresql.insert(IdempotentSubmission).values(
        company_id=company_id, idempotency_key=key, content_sha256=digest, created_at=datetime.now(UTC)
    )
    claimed = connection.execute(claim.on_conflict_do_nothing().returning(IdempotentSubmission.id))
    return claimed.scalar_one_or_none() is not None


def _earlier(connection: Connection, company_id: int, key: str, digest: str) -> StoredSubmission:
    query = select(IdempotentSubmission.content_sha256, IdempotentSubmission.receipt).where(
        IdempotentSubmission.company_id == company_id, IdempotentSubmission.idempotency_key == key
    )
    found = connection.execute(query).one()
    if found.content_sha256 != digest or found.receipt is None:
        raise Problem(
            422, "idempotency_key_reused", "this key was used for other content; send a new Idempotency-Key"
        )
    return StoredSubmission(BulkReceipt.model_validate_json(found.receipt), replayed=True)


def _keep(connection: Connection, company_id: int, key: str, receipt: BulkReceipt) -> None:
    connection.execute(
        update(IdempotentSubmission)
        .where(IdempotentSubmission.company_id == company_id, IdempotentSubmission.idempotency_key == key)
        .values(receipt=receipt.model_dump_json())
    )


def _store(connection: Connection, company_id: int, forms: Forms) -> BulkReceipt:
    now = datetime.now(UTC)
    session_ids = connection.scalars(
        insert(Session).returning(Session.id, sort_by_parameter_order=True),
        [{"company_id": company_id, "started_at": form.started_at or now} for form in forms],
    ).all()
    stored = list(zip(session_ids, forms, strict=True))
    connection.execute(
        insert(Message),
        [
            {"session_id": session_id, "position": position, "role": said.role, "content": said.content}
            for session_id, form in stored
            for position, said in enumerate(form.messages)
        ],
    )
    request_ids = iter(_store_requests(connection, stored, now))
    return BulkReceipt(
        sessions=tuple(
            _receipt(session_id, form, tuple(itertools.islice(request_ids, len(form.requests))))
            for session_id, form in stored
        )
    )


def _store_requests(
    connection: Connection, stored: list[tuple[int, SessionForm]], now: datetime
) -> tuple[int, ...]:
    rows = [
        {
            "session_id": session_id,
            "model": request.model,
            "processing_type": request.processing_type.value,
            "status": RequestStatus.PENDING_BATCHING.value,
            "requested_at": now,
        }
        for session_id, form in stored
        for request in form.requests
    ]
    returning = insert(ProcessingRequest).returning(ProcessingRequest.id, sort_by_parameter_order=True)
    return tuple(connection.scalars(returning, rows))


def _receipt(session_id: int, form: SessionForm, request_ids: tuple[int, ...]) -> SessionReceipt:
    return SessionReceipt(
        id=session_id,
        requests=tuple(
            RequestReceipt(
                id=request_id,
                processing_type=request.processing_type,
                status=RequestStatus.PENDING_BATCHING,
            )
            for request_id, request in zip(request_ids, form.requests, strict=True)
        ),
    )


_COLUMNS = (
    Session.id.label("session_id"),
    Session.started_at,
    Session.sentiment,
    Session.category,
    Session.summary,
    Session.language,
    ProcessingRequest.id,
    ProcessingRequest.processing_type,
    ProcessingRequest.model,
    ProcessingRequest.status,
    ProcessingRequest.attempts,
    ProcessingRequest.prompt_tokens,
    ProcessingRequest.completion_tokens,
    ProcessingRequest.cost_usd,
    ProcessingRequest.error,
    ProcessingRequest.requested_at,
    ProcessingRequest.completed_at,
)

# Rows come back typed by their columns; a wide row's type is of no use to anybody here.
_Row = Row[*tuple[Any, ...]]


class SessionReader:
    """Reads in single statements, so a reader needs no transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def session(self, company_id: int, session_id: int) -> SessionView:
        """One session; Problem 404 when the company has none of this id."""
        found = self._rows(_sessions_of(company_id).where(Session.id == session_id))
        if not found:
            raise _not_found("session")
        return _session(found)

    def page(self, company_id: int, limit: int, before: int | None) -> SessionPage:
        """A page of sessions, newest first."""
        page = select(Session.id).where(Session.company_id == company_id)
        if before is not None:
            page = page.where(Session.id < before)
        chosen = page.order_by(Session.id.desc()).limit(limit).scalar_subquery()
        rows = self._rows(_sessions_of(company_id).where(Session.id.in_(chosen)))
        sessions = tuple(_session(tuple(group)) for _, group in groupby(rows, lambda row: row.session_id))
        return SessionPage(sessions=sessions, next_before=sessions[-1].id if len(sessions) == limit else None)

    def request(self, company_id: int, request_id: int) -> RequestView:
        """One request; Problem 404 when the company has none of this id."""
        found = self._rows(_sessions_of(company_id).where(ProcessingRequest.id == request_id))
        if not found:
            raise _not_found("request")
        return _request(found[0])

    def statistics(self, company_id: int) -> Statistics:
        """The company's queue."""
        stats = queue_stats(self._engine, company_id)
        return Statistics(
            requests=dict(stats.requests),
            batches=dict(stats.batches),
            oldest_pending_at=stats.oldest_pending_at,
            total_tokens=stats.total_tokens,
            cost_usd=stats.cost_usd,
        )

    def _rows(self, query: Select[*tuple[Any, ...]]) -> tuple[_Row, ...]:
        with self._engine.connect() as connection:
            return tuple(connection.execute(query.order_by(Session.id.desc(), ProcessingRequest.id)))


def _sessions_of(company_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(*_COLUMNS)
        .outerjoin(ProcessingRequest, ProcessingRequest.session_id == Session.id)
        .where(Session.company_id == company_id)
    )


def _not_found(what: str) -> Problem:
    return Problem(404, "not_found", f"there is no such {what}")


def _session(rows: Iterable[_Row]) -> SessionView:
    first, *others = rows
    return SessionView(
        id=first.session_id,
        started_at=first.started_at,
        answers=Answers(
            sentiment=first.sentiment,
            category=first.category,
            summary=first.summary,
            language=first.language,
        ),
        requests=tuple(_request(row) for row in (first, *others) if row.id is not None),
    )


def _request(row: _Row) -> RequestView:
    return RequestView(**{name: getattr(row, name) for name in RequestView.model_fields})
