"""Stage 3 for all companies at once: files are read in parallel, their results staged and applied as sets."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import cycle
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError, IncompleteFilesError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import RequestOutcome, outcome_of_bad_line, outcome_without_line
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.paging import FIRST_PAGE, next_page
from claimbench.impl.optimized.planning import REQUESTS_AT_A_TIME
from claimbench.impl.optimized.result_rows import settlement_of_line, staged_line
from claimbench.impl.optimized.settling import (
    SettledRows,
    Settlement,
    Settling,
    StagedRows,
    settle_by_copy,
    settle_one_by_one,
)
from claimbench.impl.optimized.spool import Spool
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, Strategies, Writing
from claimbench.impl.optimized.writing import in_transaction, portions, rows_of, write
from claimbench.impl.parallel import Ahead, in_parallel
from claimbench.impl.ports import BadLine, PipelineContext, Stage, StageReport
from claimbench.impl.result_files import EndedBatch, ResultReader, SettledT
from claimbench.impl.statuses import BatchStatus, RequestStatus

STAGE = Stage.PROCESS_RESULTS

RowsT = TypeVar("RowsT", StagedRows, SettledRows)
"""What keeps the lines of a batch."""


@dataclass(frozen=True, slots=True)
class Way(Generic[SettledT, RowsT]):
    """How result lines are read, kept, and written."""

    of_line: Callable[[bytes, EndedBatch], tuple[int, SettledT]]
    no_rows: Callable[[Spool], RowsT]
    keep: Callable[[RowsT, int, SettledT], None]
    apply: Callable[[Connection, Iterable[RowsT], Settling, Callable[[], None]], StageReport]


STAGED: Way[bytes, StagedRows] = Way(staged_line, StagedRows, StagedRows.keep, settle_by_copy)
ONE_BY_ONE: Way[Settlement, SettledRows] = Way(
    settlement_of_line, SettledRows, SettledRows.keep, settle_one_by_one
)


@dataclass(frozen=True, slots=True)
class ClaimedEnd:
    """An ended batch that is ours, and how many requests wait for what it says."""

    batch: EndedBatch
    requests: int


@dataclass(frozen=True, slots=True)
class ReadBatch(Generic[RowsT]):
    """An ended batch and what its files say: of so many requests by a line, and of the others."""

    batch: EndedBatch
    lines: int
    rows: RowsT
    bad_lines: tuple[BadLine, ...]
    missing: RequestOutcome


@dataclass(frozen=True, slots=True)
class UnreadBatch:
    """A batch that could not be read now, and since when its files are known to be short, if they were."""

    id: int
    incomplete_since: int | None = None


def process_results(
    companies: Sequence[int],
    context: PipelineContext,
    now: datetime,
    strategies: Strategies = ALL_STRATEGIES,
) -> StageReport:
    """Claim the ended batches, read their files, apply them: a transaction for a few thousand lines."""
    if strategies.writing is Writing.SETS:
        return _Processing(context, Lease(now), STAGED).run(companies)
    return _Processing(context, Lease(now), ONE_BY_ONE).run(companies)


@dataclass(frozen=True, slots=True)
class Portion(Generic[RowsT]):
    """What one transaction writes: the batches that were read, and those that could not be read now."""

    read: Sequence[ReadBatch[RowsT]]
    unread: Sequence[UnreadBatch]


class _Processing(Generic[SettledT, RowsT]):
    """One call of the stage.

    Files are read while the server applies the lines before theirs, so that what comes next is there in time;
    not while it waits for these lines, for that is when reading would hold us up.
    """

    def __init__(self, context: PipelineContext, lease: Lease, way: Way[SettledT, RowsT]) -> None:
        self._context, self._lease = context, lease
        self._way: Way[SettledT, RowsT] = way
        self._reader = ResultReader(context.api, context.policy, context.events, way.of_line)
        self._breaker = StageBreaker(context.events)
        self._settling = Settling(STAGE, RequestStatus.BATCHING_IN_PROGRESS, context.policy, lease.at)
        self._claimed = array("q")

    def run(self, companies: Sequence[int]) -> StageReport:
        """All that has ended, a portion after the other; of two, one is read and one is applied."""
        together = portions(self._ended(companies), lambda ended: ended.requests, REQUESTS_AT_A_TIME)
        try:
            with closing(Spool()) as one, closing(Spool()) as other:
                return self._apply_all(map(self._read, together, cycle((one, other))))
        except Exception:
            self._release()
            raise

    def _apply_all(self, read: Iterator[Portion[RowsT]]) -> StageReport:
        report, is_parallel = StageReport(STAGE), self._context.policy.concurrent_companies > 1
        with Ahead(read, is_parallel=is_parallel) as coming:
            while portion := coming.take():
                apply = partial(self._applied, portion, coming.begin)
                report = report.plus(in_transaction(self._context.engine, apply))
        return report

    def _ended(self, companies: Sequence[int]) -> Iterator[ClaimedEnd]:
        """Ended batches that are ours, oldest first, claimed as they are needed."""
        parameters = {
            "companies": list(companies),
            **self._lease.parameters(self._context.policy.claim_lease),
        }
        after, page = 0, FIRST_PAGE
        while not self._breaker.is_open:
            claim = {**parameters, "after": after, "page": page}
            rows = map(_ended, rows_of(self._context.engine, statements.CLAIM_ENDED_BATCHES, claim))
            ended = sorted(rows, key=lambda claimed: claimed.batch.id)
            self._claimed.extend(claimed.batch.id for claimed in ended)
            yield from ended
            if len(ended) < page:
                break
            after = ended[-1].batch.id
            page = next_page(len(ended), sum(claimed.requests for claimed in ended))

    def _read(self, claimed: Sequence[ClaimedEnd], spool: Spool) -> Portion[RowsT]:
        spool.clear()
        read_one, batches = partial(self._read_one, spool), [ended.batch for ended in claimed]
        found = list(in_parallel(read_one, batches, self._context.policy.concurrent_companies))
        unread = [batch for batch in found if isinstance(batch, UnreadBatch)]
        return Portion([batch for batch in found if isinstance(batch, ReadBatch)], unread)

    def _read_one(self, spool: Spool, batch: EndedBatch) -> ReadBatch[RowsT] | UnreadBatch:
        if self._breaker.is_open:
            return UnreadBatch(batch.id)
        rows = self._way.no_rows(spool)
        try:
            results = self._reader.read(batch, self._lease.at, partial(self._way.keep, rows))
        except ApiError as error:
            self._breaker.count(error)
            return UnreadBatch(batch.id, error.since if isinstance(error, IncompleteFilesError) else None)
        rows.flush()
        return ReadBatch(batch, results.lines, rows, results.bad_lines, results.missing)

    def _applied(
        self, portion: Portion[RowsT], meanwhile: Callable[[], None], connection: Connection
    ) -> StageReport:
        context, lines = self._context, sum(read.lines for read in portion.read)
        report = StageReport(STAGE)
        if lines:
            rows = (read.rows for read in portion.read)
            report = self._way.apply(connection, rows, self._settling, meanwhile)
        meanwhile()
        rejected = lines - report.claimed
        if rejected:
            told = f"{rejected} lines: not a request of their batch"
            context.events(Event(EventKind.LINE_REJECTED, told))
        report = report.plus(_fail_missing(connection, portion.read, context, self._lease.at))
        _close(connection, portion, self._lease)
        return report

    def _release(self) -> None:
        """Let the next run, or the original pipeline, have what was not applied before the lease is over."""
        with suppress(DBAPIError):  # then the lease does it
            claimed = [UnreadBatch(batch_id) for batch_id in self._claimed]
            parameters = _released(claimed, self._lease)
            write(self._context.engine, statements.RELEASE_BATCHES, parameters)


def _ended(row: Row[tuple[Any, ...]]) -> ClaimedEnd:
    batch = EndedBatch(
        id=row.id,
        model=row.model,
        status=BatchStatus(row.status),
        error=row.error,
        openai_batch_id=row.openai_batch_id,
        output_file_id=row.output_file_id,
        error_file_id=row.error_file_id,
        answered=row.answered or 0,
        incomplete_since=row.incomplete_since,
    )
    return ClaimedEnd(batch, row.requests)


def _fail_missing(
    connection: Connection, read: Sequence[ReadBatch[RowsT]], context: PipelineContext, now: datetime
) -> StageReport:
    blamed = _abandon_bad_lines(connection, read, now)
    missing = [(each.batch.id, _missing(each, blamed)) for each in read]
    parameters = {
        "batches": [batch_id for batch_id, _ in missing],
        "statuses": [outcome.status.value for _, outcome in missing],
        "errors": [outcome.error for _, outcome in missing],
        "attempts_used": [outcome.attempts_used for _, outcome in missing],
        "attempts_max": context.policy.attempts_max,
        "now": now,
    }
    failed = connection.execute(statements.FAIL_MISSING_LINES, parameters).rowcount
    if failed and any(each.batch.status is BatchStatus.COMPLETED for each in read):
        context.events(Event(EventKind.LINE_MISSING, f"{failed} requests of {len(missing)} batches"))
    return StageReport(STAGE, claimed=failed + len(blamed), failed=failed + len(blamed))


def _abandon_bad_lines(
    connection: Connection, read: Sequence[ReadBatch[RowsT]], now: datetime
) -> Sequence[int]:
    """The batch of each request that was found to be a bad line."""
    bad = [(each.batch.id, line) for each in read for line in each.bad_lines]
    if not bad:
        return ()
    parameters = {
        "batches": [batch_id for batch_id, _ in bad],
        "numbers": [line.number for _, line in bad],
        "reasons": [outcome_of_bad_line(line.reason).error for _, line in bad],
        "now": now,
    }
    return connection.scalars(statements.ABANDON_BAD_LINES, parameters).all()


def _missing(read: ReadBatch[RowsT], blamed: Sequence[int]) -> RequestOutcome:
    """Bad lines that are nobody's explain nothing: then each of the batch's requests may be the bad one."""
    if read.bad_lines and read.batch.id not in blamed:
        return outcome_without_line(read.batch.status, read.batch.error)
    return read.missing


def _close(connection: Connection, portion: Portion[RowsT], lease: Lease) -> None:
    closed = {"batches": [read.batch.id for read in portion.read], "now": lease.at}
    connection.execute(statements.CLOSE_BATCHES, closed)
    if portion.unread:
        connection.execute(statements.RELEASE_BATCHES, _released(portion.unread, lease))


def _released(batches: Sequence[UnreadBatch], lease: Lease) -> Mapping[str, object]:
    return {
        "batches": [batch.id for batch in batches],
        "since": [batch.incomplete_since for batch in batches],
        "token": lease.by,
    }
