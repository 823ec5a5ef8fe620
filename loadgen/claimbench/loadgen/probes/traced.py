"""libpq's own trace of connections, each to an unlinked file.

A trace is attached to a connection, by whatever way it was opened. Two sources find the connections: all
that the engine of an arm opens, or all that this process opens.
"""

import ctypes
import gc
import mmap
import os
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, Trace
from psycopg.pq.abc import PGconn
from sqlalchemy import Connection, Engine, event

from claimbench.loadgen.probes.statements import StatementTally
from claimbench.loadgen.probes.trace import TraceReader, WireCounts

AnyConnection = psycopg.Connection[Any] | psycopg.AsyncConnection[Any]

_ANSWERED = b"\nB\t5\tReadyForQuery"


@dataclass(slots=True)
class _Traced:
    """One connection of libpq, the file that its trace goes to, and how far that was read."""

    pgconn: PGconn
    descriptor: int
    reader: TraceReader
    position: int = 0

    def start(self) -> None:
        self.pgconn.trace(self.descriptor)
        self.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)

    def read(self) -> None:
        """Count what was answered since the last time; another thread may be in the middle of more."""
        size = os.fstat(self.descriptor).st_size
        if size == self.position:
            return
        with mmap.mmap(self.descriptor, size, access=mmap.ACCESS_READ) as written:
            answered = written.rfind(_ANSWERED, self.position)
            if answered < 0:
                return
            end = written.find(b"\n", answered + 1) + 1
            written.seek(self.position)
            self.reader.feed(_lines(written, end))
        self.position = end

    def close(self) -> None:
        """Read the rest. Trace no more before the number can belong to another file."""
        with suppress(psycopg.Error):
            if self.pgconn.status == ConnStatus.OK:
                self.pgconn.untrace()
        self.read()
        os.close(self.descriptor)


def _lines(written: mmap.mmap, end: int) -> Any:
    while written.tell() < end:
        yield written.readline()


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


class Traces:
    """Feeds the counts from the traces of connections, which may come and go at any time, in any thread."""

    def __init__(self, counts: WireCounts, tally: StatementTally) -> None:
        self._counts, self._tally = counts, tally
        self._lock = threading.RLock()  # a connection may be closed by the garbage collector, anywhere
        self._traced: dict[int, _Traced] = {}
        self.seen = 0
        """How many connections were ever attached."""

    def attach(self, connection: AnyConnection) -> None:
        """Trace this connection from here on."""
        descriptor, path = tempfile.mkstemp(prefix="claimbench-trace-")
        Path(path).unlink()
        traced = _Traced(connection.pgconn, descriptor, TraceReader(self._counts, self._tally))
        with self._lock:
            if id(connection) in self._traced:
                os.close(descriptor)
                return
            self._traced[id(connection)] = traced
            self.seen += 1
        traced.start()
        weakref.finalize(connection, self._forget, id(connection), traced)

    def detach(self, connection: AnyConnection) -> None:
        """Count what it still has to tell, and trace it no more."""
        with self._lock:
            traced = self._traced.pop(id(connection), None)
            if traced is not None:
                traced.close()

    def detach_all(self) -> None:
        """Trace nothing any more."""
        with self._lock:
            for traced in self._traced.values():
                traced.close()
            self._traced.clear()

    def flush(self) -> None:
        """Bring the counts up to date; what is under way in another thread belongs to the next time.

        libpq holds the last replies back until it sends again.
        """
        with self._lock:
            if self._traced:
                _libc().fflush(None)
            for traced in list(self._traced.values()):
                traced.read()

    def _forget(self, key: int, traced: _Traced) -> None:
        with self._lock:
            if self._traced.get(key) is traced:
                self._traced.pop(key).close()


class TraceSource:
    """The traces of every pooled connection of an engine."""

    notes: tuple[str, ...] = ()

    def __init__(self, engine: Engine, counts: WireCounts, tally: StatementTally) -> None:
        self._engine, self._traces = engine, Traces(counts, tally)

    def start(self) -> None:
        """Trace every connection from its beginning: idle ones are closed, so that none is known already."""
        self._engine.dispose()
        event.listen(self._engine, "connect", self._on_connect)
        event.listen(self._engine, "close", self._on_close)

    def stop(self) -> None:
        """Trace no more."""
        event.remove(self._engine, "connect", self._on_connect)
        event.remove(self._engine, "close", self._on_close)
        self._traces.detach_all()

    def flush(self) -> None:
        """Bring the counts up to date; no statement may be under way."""
        self._traces.flush()

    def _on_connect(self, connection: psycopg.Connection, _record: object) -> None:
        self._traces.attach(connection)

    def _on_close(self, connection: psycopg.Connection, _record: object) -> None:
        self._traces.detach(connection)


class ConnectionHook:
    """Tells listeners of every psycopg connection that this process opens, by whatever way.

    psycopg's two connection classes are all that a driver, a pool, an engine or Django makes connections of;
    `psycopg.connect` itself is bound where it was imported, so there is no hook in its place. What was opened
    since the hook was set is known, too.
    """

    def __init__(self) -> None:
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        self._listeners: list[Callable[[AnyConnection], None]] = []
        self._is_set = False

    def set(self) -> None:
        """Set the hook, once and for good; what is open already is found by the garbage collector's list."""
        if self._is_set:
            return
        self._is_set = True
        kinds = (psycopg.Connection, psycopg.AsyncConnection)
        self._known.update(each for each in gc.get_objects() if isinstance(each, kinds))
        for kind in (psycopg.Connection, psycopg.AsyncConnection):
            kind.__init__ = self._wrapped(kind.__init__)  # type: ignore[method-assign]

    def listen(self, listener: Callable[[AnyConnection], None]) -> None:
        """Tell it of the connections that are open, and of all that will be opened."""
        self.set()
        self._listeners.append(listener)
        for connection in list(self._known):
            if not connection.closed:
                listener(connection)

    def forget(self, listener: Callable[[AnyConnection], None]) -> None:
        """Tell it no more."""
        self._listeners.remove(listener)

    def _wrapped(self, opened: Callable[..., None]) -> Callable[..., None]:
        def __init__(connection: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807 (it stands in for one)
            opened(connection, *arguments, **options)
            self._known.add(connection)
            for listener in self._listeners:
                listener(connection)

        return __init__


HOOK = ConnectionHook()


@dataclass(frozen=True, slots=True)
class ConnectionsHere:
    """Every connection of this process, where an arm opens them as it likes; an engine, to warm up."""

    engine: Engine

    def connect(self) -> Connection:
        """A connection, whose first questions are then asked."""
        return self.engine.connect()


class ProcessSource:
    """The traces of every connection of this process that is not the harness's own."""

    notes: tuple[str, ...] = ()

    def __init__(self, counts: WireCounts, tally: StatementTally) -> None:
        self._traces = Traces(counts, tally)
        self.conninfo = ""
        """Where the last connection leads to, with its password."""

    @property
    def connections(self) -> int:
        """How many connections were seen, open ones and new ones."""
        return self._traces.seen

    def start(self) -> None:
        """Trace what is open and what will be. An outer source waits: libpq has one trace at a time."""
        if _RUNNING:
            _RUNNING[-1]._pause()
        _RUNNING.append(self)
        HOOK.listen(self._attach)

    def stop(self) -> None:
        """Trace no more; an outer source goes on."""
        self._pause()
        _RUNNING.remove(self)
        if _RUNNING:
            HOOK.listen(_RUNNING[-1]._attach)

    def _pause(self) -> None:
        HOOK.forget(self._attach)
        self._traces.detach_all()

    def flush(self) -> None:
        """Bring the counts up to date."""
        self._traces.flush()

    def _attach(self, connection: AnyConnection) -> None:
        info = connection.info
        if info.parameter_status("application_name") != OURS:
            self.conninfo = make_conninfo(info.dsn, password=info.password or None)
            self._traces.attach(connection)


_RUNNING: list[ProcessSource] = []

OURS = "claimbench harness"
"""What the harness's own connections call themselves; they are no application's."""

CAN_TRACE = sys.platform == "linux"
