"""The queue of every company, operation by operation, from two statements."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, Row, text

from claimbench.impl.ports import Stage

_QUEUE = text("""
    WITH requests AS (
        SELECT session.company_id,
               count(*) FILTER (WHERE status = 'PENDING_BATCHING') AS pending,
               min(requested_at) FILTER (WHERE status = 'PENDING_BATCHING') AS pending_since,
               count(*) FILTER (WHERE status = 'BATCHING_IN_PROGRESS') AS batched,
               min(requested_at) FILTER (WHERE status = 'BATCHING_IN_PROGRESS') AS batched_since,
               count(*) FILTER (WHERE status = 'PROCESSING_COMPLETE') AS complete,
               count(*) FILTER (WHERE status = 'PROCESSING_FAILED') AS failed,
               count(*) FILTER (WHERE status IN ('PROCESSING_FAILED', 'RETRY_IN_PROGRESS')) AS retried,
               min(requested_at) FILTER (WHERE status IN ('PROCESSING_FAILED', 'RETRY_IN_PROGRESS'))
                   AS retried_since,
               count(*) FILTER (WHERE status = 'PROCESSING_ABANDONED') AS abandoned,
               count(*) AS all_of_them,
               coalesce(sum(prompt_tokens + completion_tokens), 0) AS tokens,
               coalesce(sum(cost_usd), 0) AS cost_usd
        FROM ai_processing_request
        JOIN session ON session.id = ai_processing_request.session_id
        GROUP BY session.company_id
    ), batches AS (
        SELECT company_id,
               count(*) FILTER (WHERE status IN ('VALIDATING', 'IN_PROGRESS', 'FINALIZING', 'CANCELLING'))
                   AS open,
               min(created_at)
                   FILTER (WHERE status IN ('VALIDATING', 'IN_PROGRESS', 'FINALIZING', 'CANCELLING'))
                   AS open_since,
               count(*) FILTER (WHERE status IN ('COMPLETED', 'EXPIRED', 'CANCELLED', 'FAILED', 'PROCESSED'))
                   AS ended,
               count(*) FILTER (WHERE coalesce(outcome, status) IN ('EXPIRED', 'CANCELLED', 'FAILED'))
                   AS ended_badly
        FROM ai_batch_request
        GROUP BY company_id
    )
    SELECT company.id, company.name, requests.*, batches.*
    FROM company
    LEFT JOIN requests ON requests.company_id = company.id
    LEFT JOIN batches ON batches.company_id = company.id
    ORDER BY company.id
""")


class QueueRow(BaseModel):
    """One operation of one company. `unit` says what is counted; null where there is no such thing."""

    model_config = ConfigDict(frozen=True)

    company_id: int
    company: str
    operation: Stage
    unit: str
    waiting: int
    done: int | None
    failed: int | None
    oldest_waiting_at: datetime | None
    total_tokens: int | None
    cost_usd: float | None


def read_queue(engine: Engine) -> tuple[QueueRow, ...]:
    """Four rows for each company, by company id."""
    with engine.connect() as connection:
        return tuple(made for row in connection.execute(_QUEUE) for made in _rows(row))


def _rows(row: Row[*tuple[Any, ...]]) -> Iterator[QueueRow]:
    pending, batched = row.pending or 0, row.batched or 0
    yield _row(row, Stage.CREATE_BATCHES, pending, (row.all_of_them or 0) - pending, None, row.pending_since)
    yield _row(row, Stage.CHECK_STATUSES, row.open or 0, row.ended or 0, row.ended_badly or 0, row.open_since)
    yield _row(
        row, Stage.PROCESS_RESULTS, batched, row.complete or 0, row.failed or 0, row.batched_since
    ).model_copy(update={"total_tokens": int(row.tokens or 0), "cost_usd": float(row.cost_usd or 0)})
    yield _row(row, Stage.RETRY_FAILED, row.retried or 0, None, row.abandoned or 0, row.retried_since)


def _row(
    row: Row[*tuple[Any, ...]],
    operation: Stage,
    waiting: int,
    done: int | None,
    failed: int | None,
    since: datetime | None,
) -> QueueRow:
    return QueueRow(
        company_id=row.id,
        company=row.name,
        operation=operation,
        unit="batches" if operation is Stage.CHECK_STATUSES else "requests",
        waiting=waiting,
        done=done,
        failed=failed,
        oldest_waiting_at=since,
        total_tokens=None,
        cost_usd=None,
    )
