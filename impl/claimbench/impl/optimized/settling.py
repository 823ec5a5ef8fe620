"""Outcomes written as a set: the rows of many, in one statement, with their answers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from struct import Struct

from sqlalchemy import Connection

from claimbench.impl.lifecycle import RequestOutcome
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.sessions import driver_of
from claimbench.impl.optimized.spool import Extent, Spool
from claimbench.impl.optimized.writing import portions
from claimbench.impl.ports import Policy, Stage, StageReport
from claimbench.impl.statuses import RequestStatus

Settlement = tuple[
    int,
    int | None,
    str,
    str | None,
    int | None,
    int | None,
    int | None,
    str | None,
    str | None,
    str | None,
    str | None,
    int,
]
"""A request and its outcome, in the order of `COLUMNS`: the request's id is the first."""

COLUMNS = (
    "requests",
    "batches",
    "statuses",
    "errors",
    "prompt_tokens",
    "completion_tokens",
    "micros",
    "sentiments",
    "categories",
    "summaries",
    "languages",
    "attempts_used",
)


def settlement(request_id: int, batch_id: int | None, outcome: RequestOutcome) -> Settlement:
    """One request, the batch that it must belong to (None when it was sent alone), and its outcome."""
    answer, cost = outcome.answer, outcome.cost_usd
    return (
        request_id,
        batch_id,
        outcome.status.value,
        outcome.error,
        outcome.prompt_tokens,
        outcome.completion_tokens,
        None if cost is None else int(cost.scaleb(6)),
        answer.sentiment,
        answer.category,
        answer.summary,
        answer.language,
        outcome.attempts_used,
    )


@dataclass(frozen=True, slots=True)
class Settling:
    """What the settlements of one stage have in common."""

    stage: Stage
    expected: RequestStatus
    """The state that a request must still be in; one that has moved on is left as it is."""
    policy: Policy
    now: datetime

    @property
    def parameters(self) -> dict[str, object]:
        """What the statements need of it."""
        return {
            "expected": self.expected.value,
            "attempts_max": self.policy.attempts_max,
            "now": self.now,
        }

    def report(self, completed: int, failed: int) -> StageReport:
        """So many were written."""
        return StageReport(self.stage, claimed=completed + failed, completed=completed, failed=failed)


_BYTES_SENT = 1 << 14
"""The driver is given at most about so much at once: what it is given it keeps room for."""
_COPY_BEGIN, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_BEGIN, _INT4, _INT8, _LENGTH = Struct("!hiq"), Struct("!ii"), Struct("!iq"), Struct("!i")


def staged(row: Settlement) -> bytes:
    """The row as binary COPY takes it (PostgreSQL 18 documentation, COPY): each field after its length."""
    request, batch, status, error, given, made, micros, *answer, attempts_used = row
    return b"".join(
        (
            _BEGIN.pack(len(COLUMNS), 8, request),
            _NULL if batch is None else _INT8.pack(8, batch),
            _text(status),
            _text(error),
            _NULL if given is None else _INT4.pack(4, given),
            _NULL if made is None else _INT4.pack(4, made),
            _NULL if micros is None else _INT8.pack(8, micros),
            *map(_text, answer),
            _INT4.pack(4, attempts_used),
        )
    )


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    said = value.encode()
    return _LENGTH.pack(len(said)) + said


class StagedRows:
    """The `staged` rows of a batch, in any order: in a file, but for the last, until `flush`."""

    __slots__ = ("_bytes", "_pieces", "_rows", "_spool")

    def __init__(self, spool: Spool) -> None:
        self._spool, self._pieces = spool, list[Extent]()
        self._rows, self._bytes = list[bytes](), 0

    def keep(self, _: int, row: bytes) -> None:
        """One more."""
        self._rows.append(row)
        self._bytes += len(row)
        if self._bytes > _BYTES_SENT:
            self.flush()

    def flush(self) -> None:
        """Nothing stays in memory."""
        if self._rows:
            self._pieces.append(self._spool.add(b"".join(self._rows)))
            self._rows, self._bytes = list[bytes](), 0

    def pieces(self) -> Iterator[bytes]:
        """All that are in the file, a few hundred together."""
        return map(self._spool.read, self._pieces)


class SettledRows:
    """The settlements of a batch, in memory."""

    def __init__(self, _: Spool) -> None:
        self._settled: dict[int, Settlement] = {}

    def keep(self, request_id: int, row: Settlement) -> None:
        """One more."""
        self._settled[request_id] = row

    def flush(self) -> None:
        """They stay as they are."""

    def in_order(self) -> Iterator[Settlement]:
        """All of them, in the order of the requests."""
        return (self._settled[request_id] for request_id in sorted(self._settled))


def settle_by_copy(
    connection: Connection, rows: Iterable[StagedRows], settling: Settling, meanwhile: Callable[[], None]
) -> StageReport:
    """As `settle`, for thousands: the rows of some batches lie in a table first. In a transaction;
    once in each.

    Where several answer for one session, that of the later batch wins, and in a batch the later request's.
    meanwhile: called when the server has the rows, and begins to apply them.
    """
    driver = driver_of(connection)
    with driver.cursor() as cursor:
        cursor.execute(statements.STAGE_SETTLEMENTS)
        with cursor.copy(statements.COPY_SETTLEMENTS) as copy:
            pieces = chain.from_iterable(each.pieces() for each in rows)
            sent = chain((_COPY_BEGIN,), pieces, (_COPY_END,))
            for together in portions(sent, len, _BYTES_SENT):
                copy.write(b"".join(together))
    meanwhile()
    counted = connection.execute(statements.SETTLE_STAGED, settling.parameters).one()
    return settling.report(counted.completed, counted.failed)


def settle(connection: Connection, settlements: Sequence[Settlement], settling: Settling) -> StageReport:
    """Apply all of them; where several answer for one session, the later in the sequence wins."""
    if not settlements:
        return StageReport(settling.stage)
    columns = zip(COLUMNS, map(list, zip(*settlements, strict=True)), strict=True)
    counted = connection.execute(statements.SETTLE_REQUESTS, {**dict(columns), **settling.parameters}).one()
    return settling.report(counted.completed, counted.failed)


def settle_one_by_one(
    connection: Connection,
    rows: Iterable[SettledRows],
    settling: Settling,
    meanwhile: Callable[[], None],
) -> StageReport:
    """As `settle`, by a statement for each; `meanwhile` is called before the first."""
    meanwhile()
    report = StageReport(settling.stage)
    for row in chain.from_iterable(each.in_order() for each in rows):
        report = report.plus(settle(connection, (row,), settling))
    return report
