"""Stage 2 for all companies at once: a query, the API's answers in parallel, an update, for many batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.lifecycle import batch_error, status_seen
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.paging import FIRST_PAGE, next_page
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, Strategies, written_together
from claimbench.impl.optimized.writing import rows_of, write
from claimbench.impl.parallel import in_parallel
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.statuses import ENDED_BATCHES, BatchStatus
from claimbench.impl.storable import storable

STAGE = Stage.CHECK_STATUSES


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch to ask about."""

    id: int
    openai_batch_id: str
    ended_at: datetime | None
    """When an earlier look saw that it had ended, though not yet with all its files."""
    incomplete_since: int | None
    """The same, by the API's clock."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What to write about a batch."""

    batch_id: int
    status: BatchStatus
    ended_at: datetime | None
    incomplete_since: int | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    error: str | None = None
    answered: int | None = None


def check_statuses(
    companies: Sequence[int],
    context: PipelineContext,
    now: datetime,
    strategies: Strategies = ALL_STRATEGIES,
) -> StageReport:
    """Ask about every open batch, and write the answers of a page of them as one set."""
    breaker, report = StageBreaker(context.events), StageReport(STAGE)
    after, page = 0, FIRST_PAGE
    while batches := _open_batches(companies, context, after, page):
        seen = _look_at(batches, context, breaker, now, strategies)
        ended = sum(sighting.status in ENDED_BATCHES for sighting in seen)
        report = report.plus(
            StageReport(
                STAGE,
                claimed=len(batches),
                completed=ended,
                failed=len(batches) - len(seen),
                skipped=len(seen) - ended,
            )
        )
        if len(batches) < page:
            break
        after, page = batches[-1].id, next_page(len(seen), sum(one.answered or 0 for one in seen))
    return report


def _open_batches(
    companies: Sequence[int], context: PipelineContext, after: int, page: int
) -> Sequence[OpenBatch]:
    parameters = {"companies": list(companies), "after": after, "page": page}
    rows = rows_of(context.engine, statements.OPEN_BATCHES, parameters)
    return [OpenBatch(row.id, row.openai_batch_id, row.completed_at, row.incomplete_since) for row in rows]


def _look_at(
    batches: Sequence[OpenBatch],
    context: PipelineContext,
    breaker: StageBreaker,
    now: datetime,
    strategies: Strategies,
) -> Sequence[Sighting]:
    """What was seen of them is written, even when one breaks."""
    look, limit = (
        partial(_look, context=context, breaker=breaker, now=now),
        context.policy.concurrent_companies,
    )
    seen: list[Sighting] = []
    try:
        seen.extend(sighting for sighting in in_parallel(look, batches, limit) if sighting is not None)
    finally:
        for portion in written_together(seen, strategies.writing):
            _record(portion, context)
    return seen


def _look(
    batch: OpenBatch, context: PipelineContext, breaker: StageBreaker, now: datetime
) -> Sighting | None:
    if breaker.is_open:
        return None
    try:
        seen = context.api.retrieve(batch.openai_batch_id)
    except ApiError as error:
        breaker.count(error)
        if error.status_code != 404:
            return None
        # the API has lost it: its requests must not wait for ever
        return Sighting(batch.id, BatchStatus.FAILED, now, error=storable(str(error)))
    told = status_seen(seen, batch.ended_at, batch.incomplete_since, context.policy, now)
    files = (seen.output_file_id, seen.error_file_id)
    return Sighting(batch.id, *told, *files, batch_error(seen), seen.answered)


def _record(seen: Sequence[Sighting], context: PipelineContext) -> None:
    parameters = {
        "batches": [sighting.batch_id for sighting in seen],
        "statuses": [sighting.status.value for sighting in seen],
        "output_ids": [sighting.output_file_id for sighting in seen],
        "error_ids": [sighting.error_file_id for sighting in seen],
        "errors": [sighting.error for sighting in seen],
        "answered": [sighting.answered for sighting in seen],
        "ends": [sighting.ended_at for sighting in seen],
        "incomplete": [sighting.incomplete_since for sighting in seen],
    }
    write(context.engine, statements.RECORD_STATUSES, parameters)
