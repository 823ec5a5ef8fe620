"""libpq's own trace of every pooled connection of an engine, each to an unlinked file."""

import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.pq import Trace
from sqlalchemy import Engine, event

from claimbench.loadgen.probes.statements import StatementTally
from claimbench.loadgen.probes.trace import TraceReader, WireCounts


@dataclass(frozen=True, slots=True)
class _Traced:
    """One connection and the file that its trace goes to."""

    connection: psycopg.Connection
    descriptor: int
    reader: TraceReader

    def start(self) -> None:
        self.connection.pgconn.trace(self.descriptor)
        self.connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)

    def stop(self) -> None:
        """Stop tracing, which writes out what libpq still holds back."""
        with suppress(psycopg.Error):
            self.connection.pgconn.untrace()

    def read(self) -> None:
        """Count what was written since the last time, and empty the file."""
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            file.seek(0)
            self.reader.feed(file)
        os.ftruncate(self.descriptor, 0)
        # libpq goes on where the descriptor stands: behind a hole, whose zeros would hide the next message
        os.lseek(self.descriptor, 0, os.SEEK_SET)


class TraceSource:
    """Feeds the counts from the trace. Connections may open and close at any time, in any thread."""

    notes: tuple[str, ...] = ()

    def __init__(self, engine: Engine, counts: WireCounts, tally: StatementTally) -> None:
        self._engine, self._counts, self._tally = engine, counts, tally
        self._lock = threading.RLock()  # a connection may be closed by the garbage collector, anywhere
        self._traced: dict[int, _Traced] = {}

    def start(self) -> None:
        """Trace every connection from its beginning: idle ones are closed, so that none is known already."""
        self._engine.dispose()
        event.listen(self._engine, "connect", self._on_connect)
        event.listen(self._engine, "close", self._on_close)

    def stop(self) -> None:
        """Trace no more."""
        event.remove(self._engine, "connect", self._on_connect)
        event.remove(self._engine, "close", self._on_close)
        with self._lock:
            for traced in list(self._traced.values()):
                traced.stop()
                os.close(traced.descriptor)
            self._traced.clear()

    def flush(self) -> None:
        """Bring the counts up to date; no statement may be under way."""
        with self._lock:
            for traced in list(self._traced.values()):
                traced.stop()
                traced.read()
                traced.start()

    def _on_connect(self, connection: psycopg.Connection, _record: object) -> None:
        descriptor, path = tempfile.mkstemp(prefix="claimbench-trace-")
        Path(path).unlink()
        traced = _Traced(connection, descriptor, TraceReader(self._counts, self._tally))
        with self._lock:
            self._traced[id(connection)] = traced
        traced.start()

    def _on_close(self, connection: psycopg.Connection, _record: object) -> None:
        with self._lock:
            traced = self._traced.pop(id(connection), None)
            if traced is not None:
                traced.stop()
                traced.read()
                os.close(traced.descriptor)
