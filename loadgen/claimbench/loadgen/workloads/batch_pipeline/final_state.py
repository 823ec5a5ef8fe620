"""What a pipeline left behind, in a form that two pipelines can be compared by.

Batch ids, keys and file ids are the pipeline's and the API's own business; which requests went together,
for which company and model, is not. Of an error only its presence counts: its words are free.
"""

from dataclasses import dataclass

from sqlalchemy import Engine, text

_REQUESTS = text("""
    SELECT id, status, attempts, prompt_tokens, completion_tokens, cost_usd, completed_at,
           error IS NOT NULL AS has_error
    FROM ai_processing_request ORDER BY id
""")
_SESSIONS = text("SELECT id, sentiment, category, summary, language FROM session ORDER BY id")
_BATCHES = text("""
    SELECT batch.company_id, batch.model, batch.status, batch.outcome, batch.completed_at, batch.processed_at,
           array_agg(request.id ORDER BY request.id) AS requests
    FROM ai_batch_request AS batch
    LEFT JOIN ai_processing_request AS request ON request.batch_id = batch.id
    GROUP BY batch.id ORDER BY batch.company_id, batch.model, requests
""")


@dataclass(frozen=True, slots=True)
class FinalRow:
    """One row, by the name that a reader would give it, with its values as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FinalState:
    """All rows that the stages may write; `columns` name the values of each kind."""

    requests: tuple[FinalRow, ...]
    sessions: tuple[FinalRow, ...]
    batches: tuple[FinalRow, ...]

    @property
    def rows(self) -> tuple[FinalRow, ...]:
        """Every row of the three tables."""
        return (*self.requests, *self.sessions, *self.batches)


def read_final_state(engine: Engine) -> FinalState:
    """Read the three tables that the stages write to."""
    with engine.connect() as connection:
        requests = connection.execute(_REQUESTS)
        request_rows = tuple(_row(f"request {row[0]}", requests.keys(), row) for row in requests)
        sessions = connection.execute(_SESSIONS)
        session_rows = tuple(_row(f"session {row[0]}", sessions.keys(), row) for row in sessions)
        batches = connection.execute(_BATCHES)
        batch_rows = tuple(
            _row(
                f"batch of company {row.company_id}, {row.model}, requests {_shown(row.requests)}", keys, row
            )
            for keys in [batches.keys()]
            for row in batches
        )
    return FinalState(request_rows, session_rows, batch_rows)


def _row(name: str, keys: object, row: object) -> FinalRow:
    pairs = zip(keys, row, strict=True)  # type: ignore[call-overload]  # RMKeyView and Row iterate alike
    return FinalRow(name, tuple(f"{key}={value}" for key, value in pairs))


def _shown(requests: list[int]) -> str:
    first, last = requests[0], requests[-1]
    return f"{first}…{last} ({len(requests)})" if len(requests) > 1 else str(first)
