"""Stage 2, naively: one call and one update for each open batch of each company."""

from datetime import datetime

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.lifecycle import batch_error, status_seen
from claimbench.impl.naive.queries import batches_of
from claimbench.impl.naive.tools import Tools
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.schema import BatchRequest, Company
from claimbench.impl.statuses import ENDED_BATCHES, OPEN_BATCHES, BatchStatus
from claimbench.impl.storable import storable

STAGE = Stage.CHECK_STATUSES


def check_statuses_of(company: Company, tools: Tools, breaker: StageBreaker, now: datetime) -> StageReport:
    """Record what the API says about each open batch of a company."""
    report = StageReport(STAGE)
    with tools.databases() as database:
        for batch in batches_of(database, company, OPEN_BATCHES, tools, now):
            if breaker.is_open:
                report = report.plus(StageReport(STAGE, claimed=1, failed=1))
                continue
            report = report.plus(_check(batch, tools, breaker, now))
        database.commit()
    return report


def _check(batch: BatchRequest, tools: Tools, breaker: StageBreaker, now: datetime) -> StageReport:
    try:
        seen = tools.api.retrieve(batch.openai_batch_id or "")
    except ApiError as error:
        breaker.count(error)
        if error.status_code == 404:  # the API has lost it: its requests must not wait for ever
            batch.status, batch.error, batch.completed_at = BatchStatus.FAILED, storable(str(error)), now
            return StageReport(STAGE, claimed=1, completed=1)
        return StageReport(STAGE, claimed=1, failed=1)
    batch.status, batch.completed_at, batch.incomplete_since = status_seen(
        seen, batch.completed_at, batch.incomplete_since, tools.policy, now
    )
    batch.error = batch_error(seen)
    batch.output_file_id, batch.error_file_id = seen.output_file_id, seen.error_file_id
    batch.answered = seen.answered
    if batch.status not in ENDED_BATCHES:
        return StageReport(STAGE, claimed=1, skipped=1)
    return StageReport(STAGE, claimed=1, completed=1)
