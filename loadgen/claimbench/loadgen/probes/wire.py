"""What goes over the wire between an engine and its server.

On Linux libpq traces every connection: that sees all that the arm sends through its engine, by
SQLAlchemy or around it. It costs up to a sixth of the time of small statements, so it is on in the
counting pass only. Elsewhere SQLAlchemy's events stand in, and `notes` say what they cannot see.
"""

import sys
from enum import StrEnum
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from claimbench.loadgen.probes.events import EventSource
from claimbench.loadgen.probes.reading import Reading, Unit
from claimbench.loadgen.probes.statements import StatementCount, StatementTally
from claimbench.loadgen.probes.trace import WireCounts
from claimbench.loadgen.probes.traced import ConnectionsHere, ProcessSource, TraceSource

_BYTES = frozenset({"row_bytes", "bind_bytes"})
_UNSEEN_BY_EVENTS = frozenset({"rows_received", "row_bytes", "bind_bytes", "failed_executions"})


class Source(StrEnum):
    """Where the counts come from."""

    TRACE = "trace"
    EVENTS = "events"


BEST_SOURCE = Source.TRACE if sys.platform == "linux" else Source.EVENTS


class WireProbe:
    """Counts what the connections of an engine, or of this process, send and receive. A context manager.

    Laps are taken while no statement is under way. `notes` are sentences for the report's limitations.
    """

    def __init__(self, connections: Engine | ConnectionsHere, source: Source = BEST_SOURCE) -> None:
        self._counts, self._tally = WireCounts(), StatementTally()
        engine = connections.engine if isinstance(connections, ConnectionsHere) else connections
        self._source: TraceSource | EventSource | ProcessSource
        if source is Source.EVENTS:
            self._source = EventSource(engine, self._counts, self._tally)
        elif isinstance(connections, ConnectionsHere):
            self._source = ProcessSource(self._counts, self._tally)
        else:
            self._source = TraceSource(engine, self._counts, self._tally)
        self._unseen = frozenset() if source is Source.TRACE else _UNSEEN_BY_EVENTS
        self.notes = self._source.notes

    def __enter__(self) -> Self:
        self._source.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.stop()

    def statements(self) -> tuple[StatementCount, ...]:
        """The statements since the previous lap, most often sent first."""
        self._source.flush()
        return self._tally.counts()

    def lap(self) -> tuple[Reading, ...]:
        """Round trips, executions, commits, rows and bytes (see `WireCounts`), statements and look-ups.

        What the source cannot see is left out, not zero.
        """
        self._source.flush()
        counts = tuple(
            Reading(name, Unit.BYTES if name in _BYTES else Unit.COUNT, getattr(self._counts, name))
            for name in WireCounts.__slots__
            if name not in self._unseen
        )
        for name in WireCounts.__slots__:
            setattr(self._counts, name, 0)
        return (*counts, *self._tally.lap())
