"""The rows of the five tables as values, read before and after a pipeline has worked on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, Engine, text

from claimbench.impl.prompts import Prompt, Utterance, transcript
from claimbench.impl.statuses import ProcessingType

ANSWER_FIELDS = ("sentiment", "category", "summary", "language")
"""The columns of a session that hold what its answers said."""


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """A tenant."""

    id: int
    is_active: bool
    columns: str = ""
    """All other columns of the row as PostgreSQL writes them: no pipeline may change any."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session, what was said in it (None when nothing was), and what the answers said about it."""

    id: int
    company_id: int
    transcript: str | None
    sentiment: str | None
    category: str | None
    summary: str | None
    language: str | None
    started_at: datetime | None = None
    messages: tuple[str, ...] = ()
    """Every column of each message, in order, as PostgreSQL writes them: no pipeline may change any."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A processing request; the names are the table's."""

    id: int
    session_id: int
    model: str
    processing_type: str
    status: str
    batch_id: int | None
    attempts: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: Decimal | None
    error: str | None
    requested_at: datetime
    claimed_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch; the names are the table's."""

    id: int
    company_id: int
    model: str
    key: str
    status: str
    outcome: str | None
    openai_batch_id: str | None
    error: str | None
    completed_at: datetime | None
    processed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows, by id."""

    companies: Mapping[int, CompanyRow]
    sessions: Mapping[int, SessionRow]
    requests: Mapping[int, RequestRow]
    batches: Mapping[int, BatchRow]

    def company_of(self, request: RequestRow) -> CompanyRow:
        """Whose request it is."""
        return self.companies[self.sessions[request.session_id].company_id]

    def body_of(self, request: RequestRow) -> dict[str, object]:
        """The body that asks this request, complete: an object of the API."""
        said = self.sessions[request.session_id].transcript or ""
        return Prompt(request.model, ProcessingType(request.processing_type), said).body()


UNFINISHED = (
    "SELECT EXISTS (SELECT FROM ai_processing_request JOIN session ON session.id = session_id "
    "JOIN company ON company.id = company_id WHERE company.status = 'ACTIVE' AND "
    "ai_processing_request.status NOT IN ('PROCESSING_COMPLETE', 'PROCESSING_ABANDONED')) "
    "OR EXISTS (SELECT FROM ai_batch_request JOIN company ON company.id = company_id "
    "WHERE company.status = 'ACTIVE' AND ai_batch_request.status <> 'PROCESSED')"
)
"""Asks whether anything is left to do for active companies."""


def read_rows(engine: Engine) -> Rows:
    """Read the five tables."""
    with engine.connect() as connection:
        return Rows(
            {row.id: row for row in _companies(connection)},
            {row.id: row for row in _sessions(connection)},
            {row.id: row for row in _requests(connection)},
            {row.id: row for row in _batches(connection)},
        )


_COMPANIES = text(
    "SELECT id, status = 'ACTIVE', CAST(to_jsonb(company) - 'status' AS text) FROM company ORDER BY id"
)
_SESSIONS = text(
    "SELECT id, company_id, sentiment, category, summary, language, started_at FROM session ORDER BY id"
)
_MESSAGES = text("SELECT session_id, role, content, message::text FROM message ORDER BY session_id, position")
_REQUESTS = text("""
    SELECT id, session_id, model, processing_type, status, batch_id, attempts, prompt_tokens,
           completion_tokens, cost_usd, error, requested_at, claimed_at, completed_at
    FROM ai_processing_request ORDER BY id
""")
_BATCHES = text("""
    SELECT id, company_id, model, key, status, outcome, openai_batch_id, error, completed_at, processed_at
    FROM ai_batch_request ORDER BY id
""")


def _companies(connection: Connection) -> list[CompanyRow]:
    return [CompanyRow(*row) for row in connection.execute(_COMPANIES)]


def _sessions(connection: Connection) -> list[SessionRow]:
    said: dict[int, list[Utterance]] = {}
    whole: dict[int, list[str]] = {}
    for session_id, role, content, columns in connection.execute(_MESSAGES):
        said.setdefault(session_id, []).append(Utterance(role, content))
        whole.setdefault(session_id, []).append(columns)
    return [
        SessionRow(
            row.id,
            row.company_id,
            transcript(said[row.id]) if row.id in said else None,
            row.sentiment,
            row.category,
            row.summary,
            row.language,
            row.started_at,
            tuple(whole.get(row.id, ())),
        )
        for row in connection.execute(_SESSIONS)
    ]


def _requests(connection: Connection) -> list[RequestRow]:
    return [RequestRow(*row) for row in connection.execute(_REQUESTS)]


def _batches(connection: Connection) -> list[BatchRow]:
    return [BatchRow(*row) for row in connection.execute(_BATCHES)]
