"""The tables, as SQLAlchemy models: the naive arm's entities and the optimized arm's columns."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from claimbench.impl.statuses import BatchStatus, CompanyStatus, ProcessingType, RequestStatus


class Base(DeclarativeBase):
    """The declarative base of all tables."""

    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy's own protocol)
        str: Text,
        int: BigInteger,
        datetime: DateTime(timezone=True),
        Decimal: Numeric(12, 6),
    }


def _one_of(column: str, choices: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{choice.value}'" for choice in choices)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


class Company(Base):
    """A tenant."""

    __tablename__ = "company"
    __table_args__ = (_one_of("status", CompanyStatus),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[datetime]

    sessions: Mapped[list["Session"]] = relationship(back_populates="company")


class Session(Base):
    """A conversation of a company's customer, and what the answers said about it."""

    __tablename__ = "session"
    __table_args__ = (Index("ix_session_company_id", "company_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    started_at: Mapped[datetime]
    summary: Mapped[str | None]
    sentiment: Mapped[str | None]
    category: Mapped[str | None]
    language: Mapped[str | None]

    company: Mapped[Company] = relationship(back_populates="sessions")
    messages: Mapped[list["Message"]] = relationship(
        back_populates="session", order_by=lambda: Message.position
    )


class Message(Base):
    """One utterance; `position` orders a session's messages from 0."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("session_id", "position", name="uq_message_session_id_position"),
        CheckConstraint("role IN ('user', 'assistant', 'system')", name="role_is_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    position: Mapped[int] = mapped_column(Integer)
    role: Mapped[str]
    content: Mapped[str | None]

    session: Mapped[Session] = relationship(back_populates="messages")


class BatchRequest(Base):
    """One batch at the API; `key` is what its metadata repeats, `outcome` how the API ended it."""

    __tablename__ = "ai_batch_request"
    __table_args__ = (
        _one_of("status", BatchStatus),
        UniqueConstraint("key", name="uq_ai_batch_request_key"),
        UniqueConstraint("openai_batch_id", name="uq_ai_batch_request_openai_batch_id"),
        Index("ix_ai_batch_request_company_id_status", "company_id", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    model: Mapped[str]
    key: Mapped[str]
    status: Mapped[str]
    outcome: Mapped[str | None]
    openai_batch_id: Mapped[str | None]
    openai_created_at: Mapped[int | None]
    """By the API's clock, in Unix seconds; before it is known, that of one that is not younger."""
    input_file_id: Mapped[str | None]
    output_file_id: Mapped[str | None]
    error_file_id: Mapped[str | None]
    answered: Mapped[int | None] = mapped_column(Integer)
    """How many answers the API says its output file has."""
    incomplete_since: Mapped[int | None]
    """Since when it is known to have ended without a file, or a part of one: by the API's clock, in Unix
    seconds. None when nothing is known to be missing."""
    error: Mapped[str | None]
    claimed_at: Mapped[datetime | None]
    claimed_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    """When it was first seen to have ended; FINALIZING, if its files may be only late."""
    processed_at: Mapped[datetime | None]

    requests: Mapped[list["ProcessingRequest"]] = relationship(back_populates="batch")


class ProcessingRequest(Base):
    """One question about one session, its state, and what its answer cost."""

    __tablename__ = "ai_processing_request"
    __table_args__ = (
        _one_of("status", RequestStatus),
        _one_of("processing_type", ProcessingType),
        CheckConstraint("attempts >= 0", name="attempts_is_a_count"),
        CheckConstraint(
            "status NOT IN ('BATCHING_IN_PROGRESS') OR batch_id IS NOT NULL", name="batched_has_a_batch"
        ),
        Index("ix_ai_processing_request_session_id", "session_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id"))
    model: Mapped[str]
    processing_type: Mapped[str]
    status: Mapped[str]
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("ai_batch_request.id"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    prompt_tokens: Mapped[int | None] = mapped_column(Integer)
    completion_tokens: Mapped[int | None] = mapped_column(Integer)
    cost_usd: Mapped[Decimal | None]
    error: Mapped[str | None]
    requested_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    claimed_by: Mapped[UUID | None]
    completed_at: Mapped[datetime | None]

    session: Mapped[Session] = relationship()
    batch: Mapped[BatchRequest | None] = relationship(back_populates="requests")


class CompanyApiKey(Base):
    """What a tenant shows to the service. Only the SHA-256 of the key is kept, as 64 hexadecimal digits."""

    __tablename__ = "company_api_key"
    __table_args__ = (
        UniqueConstraint("key_sha256", name="uq_company_api_key_key_sha256"),
        Index("ix_company_api_key_company_id", "company_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    key_sha256: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class IdempotentSubmission(Base):
    """An idempotency key that a company has used, what it stood for, and the receipt that was given."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("company_id", "idempotency_key", name="uq_submission_company_id_idempotency_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    idempotency_key: Mapped[str]
    content_sha256: Mapped[str]
    receipt: Mapped[str | None]
    created_at: Mapped[datetime]


class OperationLogEntry(Base):
    """One line of the operations log: a stage that ran, an event, or what an administrator did."""

    __tablename__ = "operation_log"
    __table_args__ = (Index("ix_operation_log_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    worker: Mapped[str]
    operation: Mapped[str]
    level: Mapped[str]
    company_id: Mapped[int | None]
    duration_ms: Mapped[float | None]
    detail: Mapped[str]


class ServiceWorker(Base):
    """A process that runs the stages: when it was last seen, and what it last said about itself (JSON)."""

    __tablename__ = "service_worker"

    name: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
    report: Mapped[str]


class ServiceControl(Base):
    """The one row that says what all workers shall do; each of them reads it every second."""

    __tablename__ = "service_control"
    __table_args__ = (CheckConstraint("id = 1", name="there_is_one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    paused: Mapped[bool]
    pipeline: Mapped[str | None]
    cache_epoch: Mapped[int]
