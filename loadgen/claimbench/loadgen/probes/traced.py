"""Two sources of counts: the connections of an arm's engine, or all that this process opens.

A connection is listened to by whatever way it was opened: libpq's own trace, or the messages themselves.
"""

import sys
import threading
import weakref
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event

from claimbench.loadgen.probes.drivers.hook import HOOK, PSYCOPG3, OpenedConnection
from claimbench.loadgen.probes.drivers.port import Attached, Noted, unnoted
from claimbench.loadgen.probes.statements import StatementTally
from claimbench.loadgen.probes.trace import TraceReader, WireCounts


class Traces:
    """Feeds the counts from connections, which may come and go at any time, in any thread."""

    def __init__(self, counts: WireCounts, tally: StatementTally, noted: Noted = unnoted) -> None:
        self._counts, self._tally, self._noted = counts, tally, noted
        self._lock = threading.RLock()  # a connection may be closed by the garbage collector, anywhere
        self._attached: dict[int, Attached] = {}
        self.seen = 0
        """How many connections were ever attached."""

    def attach(self, opened: OpenedConnection) -> None:
        """Listen to this connection from here on."""
        connection = opened.connection
        with self._lock:
            if id(connection) in self._attached:
                return
            reader = TraceReader(self._counts, self._tally)
            attached = opened.driver.attach(connection, reader, self._noted)
            self._attached[id(connection)] = attached
            self.seen += 1
        weakref.finalize(connection, self._forget, id(connection), attached)

    def detach(self, connection: Any) -> None:
        """Count what it still has to tell, and listen no more."""
        with self._lock:
            attached = self._attached.pop(id(connection), None)
            if attached is not None:
                attached.close()

    def detach_all(self) -> None:
        """Listen to nothing any more."""
        with self._lock:
            for attached in self._attached.values():
                attached.close()
            self._attached.clear()

    @property
    def in_transaction(self) -> int:
        """How many of the connections have a transaction open."""
        with self._lock:
            return sum(each.reader.is_in_transaction for each in self._attached.values())

    def flush(self) -> None:
        """Bring the counts up to date; what is under way in another thread belongs to the next time."""
        with self._lock:
            for attached in list(self._attached.values()):
                attached.read()

    def _forget(self, key: int, attached: Attached) -> None:
        with self._lock:
            if self._attached.get(key) is attached:
                self._attached.pop(key).close()


class TraceSource:
    """The traces of every pooled connection of an engine over psycopg 3."""

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
        self._traces.attach(OpenedConnection(connection, PSYCOPG3))

    def _on_close(self, connection: psycopg.Connection, _record: object) -> None:
        self._traces.detach(connection)


@dataclass(frozen=True, slots=True)
class ConnectionsHere:
    """Every connection of this process, where an arm opens them as it likes; an engine, to warm up."""

    engine: Engine

    def connect(self) -> Connection:
        """A connection, whose first questions are then asked."""
        return self.engine.connect()


class ProcessSource:
    """Every connection of this process that is not the harness's own."""

    notes: tuple[str, ...] = ()

    def __init__(self, counts: WireCounts, tally: StatementTally, noted: Noted = unnoted) -> None:
        self._traces = Traces(counts, tally, noted)
        self.conninfo = ""
        """Where the last connection leads to, with its password."""

    @property
    def connections(self) -> int:
        """How many connections were seen, open ones and new ones."""
        return self._traces.seen

    @property
    def in_transaction(self) -> int:
        """How many connections have a transaction open."""
        return self._traces.in_transaction

    def start(self) -> None:
        """Listen to what is open and what will be. An outer source waits: libpq has one trace at a time."""
        if _RUNNING:
            _RUNNING[-1]._pause()
        _RUNNING.append(self)
        HOOK.listen(self._attach)

    def stop(self) -> None:
        """Listen no more; an outer source goes on."""
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

    def _attach(self, opened: OpenedConnection) -> None:
        conninfo = opened.driver.conninfo(opened.connection)
        if conninfo is not None:
            self.conninfo = conninfo
            self._traces.attach(opened)


_RUNNING: list[ProcessSource] = []

CAN_TRACE = sys.platform == "linux"
