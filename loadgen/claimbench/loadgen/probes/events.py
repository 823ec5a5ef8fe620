"""SQLAlchemy's events, where libpq cannot trace: they know statements, but neither rows nor bytes."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine, event

from claimbench.loadgen.probes.statements import StatementTally
from claimbench.loadgen.probes.trace import WireCounts

Item = TypeVar("Item")

NOTE = (
    "libpq cannot trace on this system: round trips are SQLAlchemy's statements and transaction control; "
    "rows and bytes are not counted, nor what bypasses SQLAlchemy"
)


def taken(found: list[Item]) -> list[Item]:
    """What the list holds now; it may grow meanwhile, and keeps that."""
    items = found[:]
    del found[: len(items)]
    return items


class EventSource:
    """Feeds the counts from SQLAlchemy's events."""

    notes: tuple[str, ...] = (NOTE,)

    def __init__(self, engine: Engine, counts: WireCounts, tally: StatementTally) -> None:
        self._engine, self._counts, self._tally = engine, counts, tally
        self._lock = threading.Lock()
        self._sent: list[str] = []
        """Not counted yet: to append takes no lock, and is all that a statement is kept waiting for."""
        self._of_many: list[int] = []
        """How many executions more than one each statement for many rows had."""

    def start(self) -> None:
        """Listen."""
        event.listen(self._engine, "before_cursor_execute", self._on_execute)
        for name in ("begin", "commit", "rollback"):
            event.listen(self._engine, name, getattr(self, f"_on_{name}"))

    def stop(self) -> None:
        """Listen no more."""
        event.remove(self._engine, "before_cursor_execute", self._on_execute)
        for name in ("begin", "commit", "rollback"):
            event.remove(self._engine, name, getattr(self, f"_on_{name}"))

    def flush(self) -> None:
        """Bring the counts up to date; what other threads send meanwhile belongs to the next time."""
        with self._lock:
            sent, more = taken(self._sent), taken(self._of_many)
            for statement, times in Counter(sent).items():
                self._tally.add(statement, times)
            self._counts.round_trips += len(sent)
            self._counts.logical_executions += len(sent) + sum(more)

    def _on_execute(
        self,
        _connection: Connection,
        _cursor: object,
        statement: str,
        parameters: Sequence[object],
        _context: object,
        executemany: bool,  # noqa: FBT001 (SQLAlchemy's signature)
    ) -> None:
        self._sent.append(statement)
        if executemany:
            self._of_many.append(len(parameters) - 1)

    def _on_begin(self, _connection: Connection) -> None:
        self._control()

    def _on_commit(self, _connection: Connection) -> None:
        self._control()
        self._counts.commits += 1

    def _on_rollback(self, _connection: Connection) -> None:
        self._control()

    def _control(self) -> None:
        with self._lock:
            self._counts.round_trips += 1
            self._counts.logical_executions += 1
            self._counts.transaction_executions += 1
