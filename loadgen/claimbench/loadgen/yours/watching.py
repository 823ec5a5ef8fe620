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
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY")
_SENDING = ("execute", "executemany", "stream", "copy")


@dataclass(frozen=True, slots=True)
class SentStatement:
    """A statement without its values: how often it was sent, from which line, why, the rows nobody read."""

    text: str
    count: int
    place: str = ""
    cause: Cause = UNKNOWN
    unread_rows: int = 0

    @property
    def writes(self) -> bool:
        """Whether it begins as what changes rows does."""
        return self.text.upper().startswith(_WRITES)


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
    """One call: its counts, what it sent, the driver's own round trips, rows added, transactions now open."""

    counts: Counts
    sent: tuple[SentStatement, ...]
    driver_round_trips: int
    rows_added: int = 0
    in_transaction: int = 0


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
        self._source = ProcessSource(self._counts, self._tally, self._note)
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
        rows_added = self._tally.rows_added
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
        return Seen(counts, tuple(sent), wire.driver_round_trips, rows_added, self._source.in_transaction)

    def _noted(self, sending: Callable[..., Any]) -> Callable[..., Any]:
        def send(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            self._note(_text(query, cursor), sys._getframe(1), cursor)
            return sending(cursor, query, *arguments, **options)

        return send

    def _read(self, closing: Callable[..., Any]) -> Callable[..., Any]:
        def close(cursor: Any) -> Any:
            with self._lock:
                if noted := self._notes.cursors.pop(id(cursor), None):
                    self._notes.unread[noted[1]] += _unread(cursor)
            return closing(cursor)

        return close

    def _note(self, sent: str, frame: FrameType | None, cursor: Any) -> None:
        text = without_values(sent)
        unread = _unread(cursor)  # of what it executed before
        with self._lock:
            if before := self._notes.cursors.get(id(cursor)):
                self._notes.unread[before[1]] += unread
            if cursor is not None:
                self._notes.cursors[id(cursor)] = (cursor, text)
            if text not in self._notes.places:
                self._notes.places[text] = _reason(frame)


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, bytes):
        return query.decode(errors="replace")
    return query if isinstance(query, str) else str(query.as_string(cursor))


def _unread(cursor: Any) -> int:
    """Rows that came over the wire and were never taken from the cursor."""
    if isinstance(cursor, psycopg.ServerCursor | psycopg.AsyncServerCursor) or cursor is None:
        return 0
    if not isinstance(cursor, psycopg.Cursor | psycopg.AsyncCursor):  # but of psycopg2
        has_all = cursor.description is not None and cursor.name is None
        return max(0, int(cursor.rowcount) - int(cursor.rownumber)) if has_all else 0
    if cursor.pgresult is None:
        return 0
    return max(0, int(cursor.pgresult.ntuples) - (cursor.rownumber or 0))


def _reason(frame: FrameType | None) -> tuple[str, Cause]:
    """The line, and why: the first of the stacks that tell one."""
    stacks = list(_stacks(frame))
    found = next((each for each in map(first_of_the_arm, stacks) if each is not None), None)
    cause = next((each for each in map(cause_of, stacks) if each != UNKNOWN), UNKNOWN)
    return (_place(found) if found is not None else "", cause)


def _stacks(frame: FrameType | None) -> Iterator[FrameType | None]:
    """The stacks that lead here. With an AsyncSession there are two, SQLAlchemy's greenlet and its parent.

    Whoever sends from the parent has left the greenlet's stack in the frame that waits for it.
    """
    outer = frame
    while outer is not None:
        if outer.f_code.co_name == "greenlet_spawn" and "context" in outer.f_locals:
            yield outer.f_locals["context"].gr_frame
        outer = outer.f_back
    yield frame
    if greenlet := sys.modules.get("greenlet"):
        parent = greenlet.getcurrent().parent
        yield parent.gr_frame if parent is not None else None


def _place(found: FrameType) -> str:
    file = Path(found.f_code.co_filename)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    function = found.f_code.co_qualname.removesuffix(".<locals>.<listcomp>")  # which 3.12 has no more
    return f"{shown.as_posix()}:{found.f_lineno} in {function}"
