"""What a company may read: its own sessions, requests and statistics, and nobody else's."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sqlalchemy import Engine, Row, Select, select

from claimbench.impl.queue_stats import queue_stats
from claimbench.impl.schema import ProcessingRequest, Session
from claimbench.impl.service.forms import Answers, RequestView, SessionPage, SessionView, Statistics
from claimbench.impl.service.problems import Problem

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


class Outcomes:
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
