"""How submitted sessions get into the database: all of them in one transaction, once per idempotency key."""

import hashlib
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects import postgresql

from claimbench.impl.schema import IdempotentSubmission, Message, ProcessingRequest, Session
from claimbench.impl.service.forms import BulkReceipt, RequestReceipt, SessionForm, SessionReceipt
from claimbench.impl.service.problems import Problem
from claimbench.impl.statuses import RequestStatus

Forms = tuple[SessionForm, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a submission led to; `replayed` when its key had been used for the same content before."""

    receipt: BulkReceipt
    replayed: bool


class Intake:
    """Stores submissions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, company_id: int, forms: Forms, idempotency_key: str | None) -> Taken:
        """Store the sessions, or give the receipt that this key got before.

        Problem 422 when the key was used for other content. Of two simultaneous submissions with one key,
        the second waits for the first.
        """
        with self._engine.begin() as connection:
            if idempotency_key is None:
                return Taken(_store(connection, company_id, forms), replayed=False)
            digest = _digest(forms)
            if not _claim(connection, company_id, idempotency_key, digest):
                return _earlier(connection, company_id, idempotency_key, digest)
            receipt = _store(connection, company_id, forms)
            _keep(connection, company_id, idempotency_key, receipt)
            return Taken(receipt, replayed=False)


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


def _earlier(connection: Connection, company_id: int, key: str, digest: str) -> Taken:
    query = select(IdempotentSubmission.content_sha256, IdempotentSubmission.receipt).where(
        IdempotentSubmission.company_id == company_id, IdempotentSubmission.idempotency_key == key
    )
    found = connection.execute(query).one()
    if found.content_sha256 != digest or found.receipt is None:
        raise Problem(
            422, "idempotency_key_reused", "this key was used for other content; send a new Idempotency-Key"
        )
    return Taken(BulkReceipt.model_validate_json(found.receipt), replayed=True)


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
