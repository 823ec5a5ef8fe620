"""Stage 3 for all companies at once: files are read in parallel, their results staged and applied as sets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import RequestOutcome, outcome_of_bad_line, outcome_without_line
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.result_rows import settlement_of_line, staged_line
from claimbench.impl.optimized.settling import Settling, settle_by_copy, settle_one_by_one
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, Strategies, Writing
from claimbench.impl.optimized.writing import in_transaction, portions, rows_of, write
from claimbench.impl.parallel import in_parallel
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.result_files import BatchResults, EndedBatch, ResultReader, SettledT
from claimbench.impl.statuses import BatchStatus, RequestStatus

STAGE = Stage.PROCESS_RESULTS

BATCHES_AT_A_TIME = 2_000
"""Ended batches are claimed up to this number at once, oldest first."""

RESULTS_AT_A_TIME = 5_000
"""Lines that one transaction applies, unless a single batch has more."""

LINES_AHEAD = 2 * RESULTS_AT_A_TIME
"""Lines that are read ahead: what the next transaction applies, and with what the one after it begins."""


@dataclass(frozen=True, slots=True)
class ReadBatch(Generic[SettledT]):
    """An ended batch with its results (None where its files could not be read)."""

    batch: EndedBatch
    results: BatchResults[SettledT] | None

    @property
    def lines(self) -> int:
        """How many requests have one."""
        return len(self.results.settled) if self.results else 0


def process_results(
    companies: Sequence[int],
    context: PipelineContext,
    now: datetime,
    strategies: Strategies = ALL_STRATEGIES,
) -> StageReport:
    """Claim the ended batches, read their files, apply them: a transaction for a few thousand lines."""
    if strategies.writing is Writing.SETS:
        return _Processing(context, Lease(now), staged_line, settle_by_copy).run(companies)
    return _Processing(context, Lease(now), settlement_of_line, settle_one_by_one).run(companies)


class _Processing(Generic[SettledT]):
    """One call of the stage.

    Files are read while the lines before theirs are applied, so that what comes next is there in time.
    """

    def __init__(
        self,
        context: PipelineContext,
        lease: Lease,
        of_line: Callable[[bytes, EndedBatch], tuple[int, SettledT]],
        apply: Callable[[Connection, Iterable[SettledT], Settling], StageReport],
    ) -> None:
        self._context, self._lease, self._apply = context, lease, apply
        self._reader = ResultReader(context.api, context.policy, context.events, of_line)
        self._breaker = StageBreaker(context.events)
        self._settling = Settling(STAGE, RequestStatus.BATCHING_IN_PROGRESS, context.policy, lease.at)
        self._claimed: list[int] = []

    def run(self, companies: Sequence[int]) -> StageReport:
        """All that has ended, a portion after the other."""
        report, limit = StageReport(STAGE), self._context.policy.concurrent_companies

        def lines(batch: EndedBatch) -> int:
            return batch.answered or RESULTS_AT_A_TIME // (2 * limit)

        try:
            read = in_parallel(self._read, self._ended(companies), limit, lines, LINES_AHEAD)
            for portion in portions(read, lambda batch: batch.lines, RESULTS_AT_A_TIME):
                report = report.plus(in_transaction(self._context.engine, partial(self._applied, portion)))
        except Exception:
            self._release()
            raise
        return report

    def _ended(self, companies: Sequence[int]) -> Iterator[EndedBatch]:
        """Ended batches that are ours, oldest first, claimed as they are needed."""
        parameters = {
            "companies": list(companies),
            "at_a_time": BATCHES_AT_A_TIME,
            **self._lease.parameters(self._context.policy.claim_lease),
        }
        after = 0
        while not self._breaker.is_open:
            claim = {**parameters, "after": after}
            rows = rows_of(self._context.engine, statements.CLAIM_ENDED_BATCHES, claim)
            ended = sorted((_ended(row) for row in rows), key=lambda batch: batch.id)
            self._claimed += [batch.id for batch in ended]
            yield from ended
            if len(ended) < BATCHES_AT_A_TIME:
                break
            after = ended[-1].id

    def _read(self, batch: EndedBatch) -> ReadBatch[SettledT]:
        if self._breaker.is_open:
            return ReadBatch(batch, None)
        try:
            return ReadBatch(batch, self._reader.read(batch, self._lease.at))
        except ApiError as error:
            self._breaker.count(error)
            return ReadBatch(batch, None)

    def _applied(self, portion: Sequence[ReadBatch[SettledT]], connection: Connection) -> StageReport:
        context = self._context
        settled = [read.results.settled for read in portion if read.results]
        report = StageReport(STAGE)
        if any(settled):
            rows = (row for of_batch in settled for row in of_batch.values())
            report = self._apply(connection, rows, self._settling)
        rejected = sum(map(len, settled)) - report.claimed
        if rejected:
            told = f"{rejected} lines: not a request of their batch"
            context.events(Event(EventKind.LINE_REJECTED, told))
        report = report.plus(_fail_missing(connection, portion, context, self._lease.at))
        _close(connection, portion, self._lease)
        return report

    def _release(self) -> None:
        """Let the next run, or the original pipeline, have what was not applied before the lease is over."""
        with suppress(DBAPIError):  # then the lease does it
            parameters = {"batches": self._claimed, "token": self._lease.by}
            write(self._context.engine, statements.RELEASE_BATCHES, parameters)


def _ended(row: Row[tuple[Any, ...]]) -> EndedBatch:
    return EndedBatch(
        id=row.id,
        model=row.model,
        status=BatchStatus(row.status),
        error=row.error,
        openai_batch_id=row.openai_batch_id,
        output_file_id=row.output_file_id,
        error_file_id=row.error_file_id,
        answered=row.answered or 0,
        completed_at=row.completed_at,
    )


def _fail_missing(
    connection: Connection, portion: Sequence[ReadBatch[SettledT]], context: PipelineContext, now: datetime
) -> StageReport:
    blamed = _abandon_bad_lines(connection, portion, now)
    missing = [
        (read.batch.id, _missing(read.batch, read.results, blamed)) for read in portion if read.results
    ]
    parameters = {
        "batches": [batch_id for batch_id, _ in missing],
        "statuses": [outcome.status.value for _, outcome in missing],
        "errors": [outcome.error for _, outcome in missing],
        "attempts_used": [outcome.attempts_used for _, outcome in missing],
        "attempts_max": context.policy.attempts_max,
        "now": now,
    }
    failed = connection.execute(statements.FAIL_MISSING_LINES, parameters).rowcount
    if failed and any(read.batch.status is BatchStatus.COMPLETED for read in portion):
        context.events(Event(EventKind.LINE_MISSING, f"{failed} requests of {len(missing)} batches"))
    return StageReport(STAGE, claimed=failed + len(blamed), failed=failed + len(blamed))


def _abandon_bad_lines(
    connection: Connection, portion: Sequence[ReadBatch[SettledT]], now: datetime
) -> Sequence[int]:
    """The batch of each request that was found to be a bad line."""
    bad = [(read.batch.id, line) for read in portion if read.results for line in read.results.bad_lines]
    if not bad:
        return ()
    parameters = {
        "batches": [batch_id for batch_id, _ in bad],
        "numbers": [line.number for _, line in bad],
        "reasons": [outcome_of_bad_line(line.reason).error for _, line in bad],
        "now": now,
    }
    return connection.scalars(statements.ABANDON_BAD_LINES, parameters).all()


def _missing(batch: EndedBatch, results: BatchResults[SettledT], blamed: Sequence[int]) -> RequestOutcome:
    """Bad lines that are nobody's explain nothing: then each of the batch's requests may be the bad one."""
    if results.bad_lines and batch.id not in blamed:
        return outcome_without_line(batch.status, batch.error)
    return results.missing


def _close(connection: Connection, portion: Sequence[ReadBatch[SettledT]], lease: Lease) -> None:
    whole = [read.batch.id for read in portion if read.results]
    unread = [read.batch.id for read in portion if not read.results]
    connection.execute(statements.CLOSE_BATCHES, {"batches": whole, "now": lease.at})
    if unread:
        connection.execute(statements.RELEASE_BATCHES, {"batches": unread, "token": lease.by})
