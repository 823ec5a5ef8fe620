"""Reads what libpq's protocol trace says, and counts messages.

A line is `F` (sent) or `B` (received), the message's length in bytes, its name, and its contents.
Statement texts stand there as they are, line breaks included, so their ends are found by length; other
contents that run over several lines (notices, errors) are told by their next line not being the head of
a message.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from claimbench.loadgen.probes.statements import StatementTally

_HEAD = re.compile(rb"([FB])\t(\d+)\t(\w*)(?:\t ?|\n|$)")
_PARSE_END = re.compile(rb'" (\d+)(?: \d+)*\n?$')
_ADDED = re.compile(rb'"(?:INSERT 0|COPY) (\d+)')
_NAMES = re.compile(rb'"([^"]*)" "([^"]*)"')

HOUSEKEEPING_TAGS = (b'"DEALLOCATE', b'"PREPARE', b'"DISCARD')
TRANSACTION_TAGS = tuple(
    b'"%s"' % tag
    for tag in (b"BEGIN", b"START TRANSACTION", b"COMMIT", b"ROLLBACK", b"SAVEPOINT", b"RELEASE")
)
_WAITS = frozenset({b"Sync", b"Flush", b"CopyDone", b"CopyFail"})
_ENDS = frozenset({b"Sync", b"Flush"})
_PREPARING = frozenset({b"Parse", b"Close", b"Describe"})
_COPIED = frozenset({b"CopyData", b""})
"""A row of COPY; libpq before 18 leaves its name out, or, of what comes, the whole message."""


@dataclass(slots=True)
class WireCounts:
    """Counts since the last lap. Bytes are the protocol's own message lengths."""

    round_trips: int = 0
    """Waits for the server: a simple Query, a Sync, a Flush, the end of a COPY IN.

    Two in a row are one wait.
    """
    logical_executions: int = 0
    """Commands that the server completed, transaction control included, the driver's housekeeping not."""
    transaction_executions: int = 0
    failed_executions: int = 0
    commits: int = 0
    """Transactions committed, by COMMIT or because a command outside a transaction commits itself."""
    rows_received: int = 0
    """Rows received, by DataRow or by COPY OUT."""
    row_bytes: int = 0
    bind_bytes: int = 0
    """Parameters sent, by Bind or by COPY IN."""
    driver_round_trips: int = 0
    """Those of the round trips that are the driver's own: it prepares a text that it has seen often, or lets
    one go. They come and go with what ran before, and look like growth where there is none."""


@dataclass(slots=True)
class TraceReader:
    """The state of one connection's trace.

    Prepared texts outlive a lap, so it lives as long as the connection.
    """

    counts: WireCounts
    statements: StatementTally
    _prepared: dict[bytes, str] = field(default_factory=dict)
    _bound: str | None = None
    _last_executed: str | None = None
    _previous: bytes = b""
    _was_idle: bool = True
    _has_worked: bool = False
    _copied_out: int | None = None
    """Rows that were seen since a COPY OUT began; None while there is none."""

    def feed(self, lines: Iterable[bytes]) -> None:
        """Count the messages of a piece of trace that ends at the end of a message."""
        reader = iter(lines)
        for line in reader:
            head = _HEAD.match(line)
            if head is None:
                continue  # the rest of a notice or an error
            if head[1] == b"B":
                self._received(head[3], int(head[2]), line, head.end())
            else:
                self._sent(head[3], int(head[2]), line[head.end() :], reader)
            self._previous = head[3]

    def _received(self, name: bytes, length: int, line: bytes, start: int) -> None:
        if name == b"DataRow" or name in _COPIED:
            self.counts.rows_received += 1
            self.counts.row_bytes += length
            if self._copied_out is not None:
                self._copied_out += 1
        elif name == b"CopyOutResponse":
            self._copied_out = 0
        elif name == b"CommandComplete":
            self._completed(line[start:])
        elif name == b"PortalSuspended":  # as many rows as were asked for, of an execution that had more
            self._completed(b"")
        elif name == b"ErrorResponse":
            self.counts.failed_executions += 1
        elif name == b"ReadyForQuery":
            self._ready(line[start : start + 1])

    def _completed(self, tag: bytes) -> None:
        if tag.startswith(HOUSEKEEPING_TAGS):
            return
        self.counts.logical_executions += 1
        if added := _ADDED.match(tag):
            self._added(int(added[1]))
        controls = tag.startswith(TRANSACTION_TAGS)
        self.counts.transaction_executions += controls
        self.counts.commits += tag.startswith(b'"COMMIT')
        self._has_worked = self._has_worked or not controls

    def _added(self, rows: int) -> None:
        """What INSERT or COPY came to; rows of a COPY OUT that libpq does not show are taken from here."""
        if self._copied_out is None:
            self.statements.rows_added += rows
        elif not self._copied_out:
            self.counts.rows_received += rows
        self._copied_out = None

    def _ready(self, status: bytes) -> None:
        """The server tells whether a transaction is open.

        None before and none after means an implicit one.
        """
        is_idle = status == b"I"
        self.counts.commits += is_idle and self._was_idle and self._has_worked
        self._was_idle, self._has_worked = is_idle, False

    def _sent(self, name: bytes, length: int, contents: bytes, reader: Iterator[bytes]) -> None:
        if name == b"Query":
            text = _query_text(length, contents, reader)
            self.counts.round_trips += 1
            self.counts.driver_round_trips += text.startswith("DEALLOCATE")
            self.statements.add(text)
            self._last_executed = None
        elif name == b"Parse":
            self._parse(length, contents, reader)
        elif name == b"Bind":
            self.counts.bind_bytes += length
            names = _NAMES.match(contents)
            self._bound = self._prepared.get(names[2]) if names else None
        elif name == b"Execute":
            self._execute()
        elif name in _COPIED:
            self.counts.bind_bytes += length
        elif name in _WAITS:
            self.counts.round_trips += self._previous not in _WAITS
            self.counts.driver_round_trips += name in _ENDS and self._previous in _PREPARING
            self._last_executed = None

    @property
    def is_in_transaction(self) -> bool:
        """Whether one was open when the server last was ready."""
        return not self._was_idle

    @property
    def bound(self) -> str | None:
        """The text of what was bound last."""
        return self._bound

    def _parse(self, length: int, contents: bytes, reader: Iterator[bytes]) -> None:
        parsed = _parsed(length, contents, reader)
        self._prepared[parsed.name] = parsed.text

    def _execute(self) -> None:
        if self._bound is None or self._bound != self._last_executed:
            self.statements.add(self._bound)
        self._last_executed = self._bound


@dataclass(frozen=True, slots=True)
class _Parsed:
    name: bytes
    text: str


def _query_text(length: int, contents: bytes, reader: Iterator[bytes]) -> str:
    """The text of a Query: `"…"`, of the message's length less four for the length and one for the end."""
    size = length - 5
    contents = _at_least(contents, size + 2, reader)
    return contents[1 : 1 + size].decode(errors="replace")


def _parsed(length: int, contents: bytes, reader: Iterator[bytes]) -> _Parsed:
    """Name and text of a Parse: `"name" "text" n type …`; length = 4 + name + 1 + text + 1 + 2 + 4 n."""
    end = contents.index(b'"', 1)
    name, start = contents[1:end], end + 3
    most = length - 4 - (len(name) + 1) - 1 - 2
    while True:
        found = _PARSE_END.search(contents)
        if found and start + most - 4 * int(found[1]) == found.start():
            return _Parsed(name, contents[start : found.start()].decode(errors="replace"))
        following = next(reader, b"")
        if not following:  # the trace was cut here
            return _Parsed(name, contents[start:].decode(errors="replace"))
        contents += following


def _at_least(contents: bytes, size: int, reader: Iterator[bytes]) -> bytes:
    while len(contents) < size:
        following = next(reader, b"")
        if not following:
            break
        contents += following
    return contents
