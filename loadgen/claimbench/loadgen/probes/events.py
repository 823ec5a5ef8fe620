"""SQLAlchemy's events, where libpq cannot trace: they know statements, but neither rows nor bytes."""

import threading
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, event

from claimbench.loadgen.probes.statements import StatementTally
from claimbench.loadgen.probes.trace import WireCounts

NOTE = (
    "libpq cannot trace on this system: round trips are SQLAlchemy's statements and transaction control; "
    "rows and bytes are not counted, nor what bypasses SQLAlchemy"
)


class EventSource:
    """Feeds the counts from SQLAlchemy's events."""

    notes: tuple[str, ...] = (NOTE,)

    def __init__(self, engine: Engine, counts: WireCounts, tally: StatementTally) -> None:
        self._engine, self._counts, self._tally = engine, counts, tally
        self._lock = threading.Lock()

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
        """The counts are always up to date."""

    def _on_execute(
        self,
        _connection: Connection,
        _cursor: object,
        statement: str,
        parameters: Sequence[object],
        _context: object,
        executemany: bool,  # noqa: FBT001 (SQLAlchemy's signature)
    ) -> None:
        with self._lock:
            self._tally.add(statement)
            self._counts.round_trips += 1
            self._counts.logical_executions += len(parameters) if executemany else 1

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
