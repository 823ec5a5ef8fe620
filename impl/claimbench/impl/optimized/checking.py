"""Stage 2 for all companies at once: one query, the API's answers in parallel, an update for many of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.lifecycle import batch_error, status_seen
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, Strategies, written_together
from claimbench.impl.optimized.writing import rows_of, write
from claimbench.impl.parallel import in_parallel
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.statuses import ENDED_BATCHES, BatchStatus
from claimbench.impl.storable import storable

STAGE = Stage.CHECK_STATUSES

WEIGHT_OF_SET = 100_000
"""What was seen is written as a set once its batches have so many answers together: large batches are few."""

LIGHTEST = 25
"""A batch weighs as much at least, so a set is never of more than 4,000."""


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
    """Ask about every open batch, and write the answers as sets, each as soon as it is large."""
    batches = [
        OpenBatch(row.id, row.openai_batch_id, row.completed_at, row.incomplete_since)
        for row in rows_of(context.engine, statements.OPEN_BATCHES, {"companies": list(companies)})
    ]
    breaker, limit = StageBreaker(context.events), context.policy.concurrent_companies
    look = partial(_look, context=context, breaker=breaker, now=now)
    seen: list[Sighting] = []
    looked_at = ended = weight = 0
    try:
        for sighting in in_parallel(look, batches, limit):
            if sighting is None:
                continue
            seen.append(sighting)
            looked_at += 1
            ended += sighting.status in ENDED_BATCHES
            weight += max(sighting.answered or 0, LIGHTEST)
            if weight >= WEIGHT_OF_SET:
                _record(seen, context, strategies)
                seen, weight = [], 0
    finally:  # what was seen must be kept when one breaks
        _record(seen, context, strategies)
    return StageReport(
        STAGE,
        claimed=len(batches),
        completed=ended,
        failed=len(batches) - looked_at,
        skipped=looked_at - ended,
    )


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


def _record(seen: Sequence[Sighting], context: PipelineContext, strategies: Strategies) -> None:
    for together in written_together(seen, strategies.writing):
        write(context.engine, statements.RECORD_STATUSES, _columns(together))


def _columns(seen: Sequence[Sighting]) -> Mapping[str, object]:
    return {
        "batches": [sighting.batch_id for sighting in seen],
        "statuses": [sighting.status.value for sighting in seen],
        "output_ids": [sighting.output_file_id for sighting in seen],
        "error_ids": [sighting.error_file_id for sighting in seen],
        "errors": [sighting.error for sighting in seen],
        "answered": [sighting.answered for sighting in seen],
        "ends": [sighting.ended_at for sighting in seen],
        "incomplete": [sighting.incomplete_since for sighting in seen],
    }
