"""What a call sends: counts from the wire; each statement's line, cause and unread rows from the cursors."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from claimbench.errors import UsageError
from claimbench.loadgen.probes.origins import first_of_the_arm
from claimbench.loadgen.probes.sql_tokens import without_values
from claimbench.loadgen.probes.statements import StatementTally
from claimbench.loadgen.probes.trace import WireCounts
from claimbench.loadgen.probes.traced import CAN_TRACE, ProcessSource
from claimbench.loadgen.yours.causes import UNKNOWN, Cause, cause_of

_CURSORS = (psycopg.Cursor, psycopg.ServerCursor, psycopg.AsyncCursor, psycopg.AsyncServerCursor)
_SENDING = ("execute", "executemany", "stream", "copy")


@dataclass(frozen=True, slots=True)
class SentStatement:
    """A statement without its values: how often it was sent, from which line, why, the rows nobody read."""

    text: str
    count: int
    place: str = ""
    cause: Cause = UNKNOWN
    unread_rows: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What a call needed. Round trips are without the driver's own; `executions` expand executemany."""

    round_trips: int
    statements: int
    executions: int
    rows: int
    row_bytes: int
    commits: int

    def of(self, metric: str) -> int:
        """The count of this name."""
        found: int = getattr(self, metric)
        return found


METRICS = tuple(each.name for each in fields(Counts))


@dataclass(frozen=True, slots=True)
class Seen:
    """One call: its counts, what it sent, and the driver's own round trips."""

    counts: Counts
    sent: tuple[SentStatement, ...]
    driver_round_trips: int


@dataclass(slots=True)
class _Notes:
    """What the cursors told since the last lap."""

    places: dict[str, tuple[str, Cause]] = field(default_factory=dict)
    cursors: dict[int, tuple[Any, str]] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)


class CallWatch:
    """Counts all that this process sends by psycopg, whatever is on top of it. A context manager."""

    def __init__(self) -> None:
        self._counts, self._tally, self._notes = WireCounts(), StatementTally(), _Notes()
        self._source = ProcessSource(self._counts, self._tally)
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator["CallWatch"]:
        """Watch. `UsageError` where libpq cannot trace."""
        if not CAN_TRACE:
            raise UsageError("libpq traces on Linux only", where="claimbench", remedy="run this test there")
        self._source.start()
        kept = {
            (kind, name): vars(kind)[name]
            for kind in _CURSORS
            for name in (*_SENDING, "close")
            if name in vars(kind)
        }
        for (kind, name), sending in kept.items():
            setattr(kind, name, self._noted(sending) if name in _SENDING else self._read(sending))
        try:
            yield self
        finally:
            for (kind, name), sending in kept.items():
                setattr(kind, name, sending)
            self._source.stop()

    @property
    def connections(self) -> int:
        """How many connections were seen."""
        return self._source.connections

    @property
    def conninfo(self) -> str:
        """Where the last connection leads to, with its password: never print it. Empty when there is none."""
        return self._source.conninfo

    def lap(self) -> Seen:
        """All since the last lap."""
        self._source.flush()
        wire = replace(self._counts)
        texts: Counter[str] = Counter()
        for text, count in self._tally.texts().items():
            if text and not text.startswith("DEALLOCATE"):
                texts[without_values(text)] += count
        (statements,) = self._tally.lap()
        for name in WireCounts.__slots__:
            setattr(self._counts, name, 0)
        with self._lock:
            notes, self._notes = self._notes, _Notes()
        for cursor, text in notes.cursors.values():
            notes.unread[text] += _unread(cursor)
        sent = (
            SentStatement(text, count, *notes.places.get(text, ("", UNKNOWN)), notes.unread[text])
            for text, count in texts.most_common()
        )
        counts = Counts(
            round_trips=wire.round_trips - wire.driver_round_trips,
            statements=int(statements.value),
            executions=wire.logical_executions - wire.transaction_executions,
            rows=wire.rows_received,
            row_bytes=wire.row_bytes,
            commits=wire.commits,
        )
        return Seen(counts, tuple(sent), wire.driver_round_trips)

    def _noted(self, sending: Callable[..., Any]) -> Callable[..., Any]:
        def send(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            self._note(cursor, query, sys._getframe(1))
            return sending(cursor, query, *arguments, **options)

        return send

    def _read(self, closing: Callable[..., Any]) -> Callable[..., Any]:
        def close(cursor: Any) -> Any:
            with self._lock:
                if noted := self._notes.cursors.pop(id(cursor), None):
                    self._notes.unread[noted[1]] += _unread(cursor)
            return closing(cursor)

        return close

    def _note(self, cursor: Any, query: Any, frame: FrameType) -> None:
        text = without_values(_text(query, cursor))
        unread = _unread(cursor)  # of what it executed before
        with self._lock:
            if before := self._notes.cursors.get(id(cursor)):
                self._notes.unread[before[1]] += unread
            self._notes.cursors[id(cursor)] = (cursor, text)
            if text not in self._notes.places:
                self._notes.places[text] = (_place(frame), cause_of(frame) or UNKNOWN)


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, bytes):
        return query.decode(errors="replace")
    return query if isinstance(query, str) else str(query.as_string(cursor))


def _unread(cursor: Any) -> int:
    """Rows that came over the wire and were never taken from the cursor."""
    if isinstance(cursor, psycopg.ServerCursor | psycopg.AsyncServerCursor) or cursor.pgresult is None:
        return 0
    return max(0, int(cursor.pgresult.ntuples) - (cursor.rownumber or 0))


def _place(frame: FrameType | None) -> str:
    found = first_of_the_arm(frame)
    if found is None and (greenlet := sys.modules.get("greenlet")):
        parent = greenlet.getcurrent().parent  # with AsyncSession the awaiting code is in the parent
        found = first_of_the_arm(parent.gr_frame) if parent is not None else None
    if found is None:
        return ""
    file = Path(found.f_code.co_filename)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    function = found.f_code.co_qualname.removesuffix(".<locals>.<listcomp>")  # which 3.12 has no more
    return f"{shown.as_posix()}:{found.f_lineno} in {function}"
