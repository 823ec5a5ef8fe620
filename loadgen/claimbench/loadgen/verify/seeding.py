"""Puts a planned dataset into the five tables, over whatever stood there before."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
from psycopg import sql

from claimbench.impl.statuses import RequestStatus
from claimbench.loadgen.verify.datasets import (
    HUGE_CHARACTERS,
    HistoryCompany,
    HistoryDataset,
    HistoryRequest,
    HistorySession,
    Oddity,
)
from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH

Row = tuple[object, ...]

_TABLES = (
    "claimbench_trail",
    "message",
    "ai_processing_request",
    "ai_batch_request",
    "session",
    "company",
)
_CONTROL = 'tab\tbell\x07unit\x1fdelete\x7fnext\x85line\u2028feed\r\n"quoted" \\ud800 \\ 🙂'


def reseed(connection: psycopg.Connection, dataset: HistoryDataset) -> None:
    """Empty the tables and fill them, in one transaction."""
    with connection.transaction():
        for table in _TABLES:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        _copy(connection, "company (id, name, status, created_at)", map(_company, dataset.companies))
        sessions = [(company, session) for company in dataset.companies for session in company.sessions]
        _copy(connection, "session (id, company_id, started_at)", (_session(*one) for one in sessions))
        _copy(
            connection,
            "message (session_id, position, role, content)",
            (row for _, session in sessions for row in _messages(session)),
        )
        _copy(
            connection,
            "ai_processing_request (id, session_id, model, processing_type, status, attempts, prompt_tokens, "
            "completion_tokens, error, requested_at, claimed_at, completed_at)",
            (_request(session, request) for _, session in sessions for request in session.requests),
        )


def _copy(connection: psycopg.Connection, target: str, rows: Iterator[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _company(company: HistoryCompany) -> Row:
    return company.id, f"Company {company.id}", "ACTIVE" if company.is_active else "INACTIVE", EPOCH


def _session(company: HistoryCompany, session: HistorySession) -> Row:
    return session.id, company.id, EPOCH - timedelta(hours=2)


def _messages(session: HistorySession) -> Iterator[Row]:
    """The first one's words name the session, so that no two sessions' prompts are alike."""
    for position in range(session.messages):
        role = "assistant" if position % 2 else "user"
        content: str | None = f"session {session.id} says its word {position}"
        if session.oddity is Oddity.NULL_CONTENT and (position or session.messages == 1):
            content = None
        elif session.oddity is Oddity.HUGE and position == 0:
            content = f"{content} {'a long word ' * (HUGE_CHARACTERS // 12)}"
        elif session.oddity is Oddity.CONTROL_CHARACTERS:
            content = f"{content} {_CONTROL}"
        yield session.id, position, role, content


def _request(session: HistorySession, request: HistoryRequest) -> Row:
    done = request.status is RequestStatus.PROCESSING_COMPLETE
    over = done or request.status is RequestStatus.PROCESSING_ABANDONED
    begun = request.status is RequestStatus.RETRY_IN_PROGRESS
    failed = not done and request.status is not RequestStatus.PENDING_BATCHING
    return (
        *(request.id, session.id, request.model, request.processing_type.value, request.status.value),
        request.attempts,
        *((90, 12) if done else (None, None)),
        "server_error: seeded" if failed else None,
        EPOCH - timedelta(minutes=request.age_minutes),
        EPOCH - timedelta(hours=1) if begun else None,
        EPOCH - timedelta(minutes=5) if over else None,
    )
