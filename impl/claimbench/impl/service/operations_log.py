"""The operations log: what ran and what happened, written in batches and read by date range."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, Select, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from claimbench.impl.schema import OperationLogEntry
from claimbench.impl.service.limits import ID_MAX
from claimbench.impl.storable import storable

WAITING_MAX = 5_000
DETAIL_CHARACTERS = 500
KEPT_FOR = timedelta(days=14)
PAGE_ROWS = 1_000


class Level(StrEnum):
    """How much a log line matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogLine(BaseModel):
    """One line of the log; `duration_ms` where something took time."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    at: datetime
    worker: str
    operation: str
    level: Level
    company_id: int | None = None
    duration_ms: float | None = None
    detail: str


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines: from `since` (inclusive) to `until` (exclusive); None and no levels do not restrict."""

    since: datetime | None = None
    until: datetime | None = None
    operation: str | None = None
    company_id: int | None = None
    levels: tuple[Level, ...] = ()


class OperationsLog:
    """Collects lines in memory and writes them when told to; when the database is away, the oldest go."""

    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._worker = worker
        self._lock = threading.Lock()
        self._waiting: deque[LogLine] = deque(maxlen=WAITING_MAX)

    def note(
        self,
        operation: str,
        detail: str,
        *,
        level: Level = Level.INFO,
        company_id: int | None = None,
        duration_ms: float | None = None,
    ) -> None:
        """Remember a line with the present time; never fails and never waits for the database."""
        line = LogLine(
            at=datetime.now(UTC),
            worker=self._worker,
            operation=operation,
            level=level,
            company_id=company_id,
            duration_ms=duration_ms,
            detail=storable(detail, DETAIL_CHARACTERS),
        )
        with self._lock:
            self._waiting.append(line)

    def flush(self) -> None:
        """Write what was remembered; SQLAlchemyError when that fails, and then it stays remembered."""
        with self._lock:
            lines = list(self._waiting)
            self._waiting.clear()
        if not lines:
            return
        try:
            with self._engine.connect() as connection:
                connection.execute(insert(OperationLogEntry), [line.model_dump() for line in lines])
        except SQLAlchemyError:
            with self._lock:
                self._waiting.extendleft(reversed(lines[len(self._waiting) :]))
            raise

    def forget_old(self) -> None:
        """Delete what is older than two weeks."""
        limit = datetime.now(UTC) - KEPT_FOR
        with self._engine.connect() as connection:
            connection.execute(delete(OperationLogEntry).where(OperationLogEntry.at < limit))


def read_log(engine: Engine, wanted: LogFilter, limit: int) -> Iterator[LogLine]:
    """The newest lines first, at most `limit`, a page at a time: no connection is held between pages."""
    chosen = _chosen(wanted).order_by(OperationLogEntry.id.desc())
    before, left = ID_MAX, limit
    while left > 0:
        asked = min(left, PAGE_ROWS)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            page = connection.execute(chosen.where(OperationLogEntry.id < before).limit(asked)).all()
        yield from (LogLine.model_validate(row) for row in page)
        if len(page) < asked:
            return
        before, left = page[-1].id, left - asked


def _chosen(wanted: LogFilter) -> Select[*tuple[Any, ...]]:
    entry, query = OperationLogEntry, select(*_COLUMNS)
    if wanted.since is not None:
        query = query.where(entry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(entry.at < wanted.until)
    if wanted.operation is not None:
        query = query.where(entry.operation == wanted.operation)
    if wanted.company_id is not None:
        query = query.where(entry.company_id == wanted.company_id)
    if wanted.levels:
        query = query.where(entry.level.in_(wanted.levels))
    return query


_COLUMNS = tuple(OperationLogEntry.__table__.columns)
