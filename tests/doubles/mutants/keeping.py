"""Mutants that keep their books wrongly."""

from dataclasses import replace
from datetime import datetime, timedelta

from claimbench.impl.lifecycle import NO_MESSAGES
from claimbench.impl.optimized import OptimizedPipeline
from claimbench.impl.ports import PipelineStats, Stage, StageReport
from mutants.making import Mutant, at, limited

CREATE, CHECK, PROCESS, RETRY = Stage
REQUEST, BATCH = "UPDATE ai_processing_request SET", "UPDATE ai_batch_request SET"


class AttemptsForgotten(Mutant):
    """Counts no attempts, so that retries never end (the source's sixth mistake)."""

    sql_before = at(
        RETRY,
        f"{REQUEST} attempts = 0 WHERE status = 'PROCESSING_FAILED'",
    )


class BatchAttemptUncounted(Mutant):
    """Counts retries only, not the batch before them."""

    made_of = OptimizedPipeline
    sql_after = at(
        PROCESS,
        f"{REQUEST} attempts = attempts - 1 WHERE status = 'PROCESSING_FAILED' AND attempts = 1",
    )


class OneAttemptTooMany(Mutant):
    """Compares attempts with the limit by `>` where `>=` was meant."""

    limits = limited(attempts_max=4)


class GivesUpAtOnce(Mutant):
    """Gives every failed request up."""

    sql_after = at(
        PROCESS,
        f"{REQUEST} status = 'PROCESSING_ABANDONED', completed_at = :now WHERE status = 'PROCESSING_FAILED'",
    )


class DeletesMessages(Mutant):
    """Deletes the messages of the sessions that it has answered."""

    sql_after = at(
        PROCESS,
        "DELETE FROM message WHERE session_id IN (SELECT session_id FROM ai_processing_request "
        "WHERE status = 'PROCESSING_COMPLETE')",
    )


class RenamesCompanies(Mutant):
    """Writes into the rows of the companies."""

    sql_after = at(CREATE, "UPDATE company SET name = name || '!'")


class MovesRequestedAt(Mutant):
    """Counts a request as asked for when it was batched."""

    sql_after = at(CREATE, f"{REQUEST} requested_at = :now WHERE status = 'BATCHING_IN_PROGRESS'")


class BoastfulReports(Mutant):
    """Says in its reports that one more was completed."""

    def take(self, stage: Stage, now: datetime) -> StageReport:
        report = super().take(stage, now)
        return replace(report, completed=report.completed + 1) if report.completed else report


class StatsOfAll(Mutant):
    """Gives the stats of all companies to each."""

    def stats(self, company_id: int | None = None) -> PipelineStats:
        return super().stats(None)


class NeverRetries(Mutant):
    """Has no fourth stage."""

    skipped = frozenset({RETRY})


class NeverProcesses(Mutant):
    """Has no third stage."""

    skipped = frozenset({PROCESS})


class TooManyRetries(Mutant):
    """Retries all that failed at once."""

    made_of = OptimizedPipeline
    limits = limited(retries_per_company=1_000)


class BatchesTooLong(Mutant):
    """Knows no limit of requests."""

    limits = limited(requests_per_batch_max=50_000)


class BatchesTooLarge(Mutant):
    """Knows no limit of bytes."""

    made_of = OptimizedPipeline
    limits = limited(bytes_per_batch_max=200_000_000)


class SmallGroupsWait(Mutant):
    """Waits for ten requests however old they get."""

    limits = limited(requests_per_batch_min=10, pending_age_max=timedelta(days=10_000))


class FailedInBatchAgain(Mutant):
    """Puts failed requests into the next batch instead of sending them alone."""

    sql_after = at(
        PROCESS,
        f"{REQUEST} status = 'PENDING_BATCHING', batch_id = NULL WHERE status = 'PROCESSING_FAILED'",
    )


class CompletesTheFailed(Mutant):
    """Says that all is well."""

    sql_after = at(
        PROCESS,
        f"{REQUEST} status = 'PROCESSING_COMPLETE', error = NULL, prompt_tokens = 0, completion_tokens = 0, "
        "completed_at = :now WHERE status = 'PROCESSING_FAILED'",
    )


class AsksAgainForMore(Mutant):
    """Puts what was just completed back into the queue."""

    sql_after = at(
        PROCESS,
        f"{REQUEST} status = 'PENDING_BATCHING', batch_id = NULL, completed_at = NULL "
        "WHERE status = 'PROCESSING_COMPLETE' AND completed_at = :now AND attempts = 1",
    )


class SilentOnesWait(Mutant):
    """Leaves sessions without messages in the queue."""

    sql_after = at(
        CREATE,
        f"{REQUEST} status = 'PENDING_BATCHING', error = NULL, completed_at = NULL "
        f"WHERE error = '{NO_MESSAGES}'",
    )


class ReasonsForgotten(Mutant):
    """Fails requests without a word."""

    made_of = OptimizedPipeline
    sql_after = at(
        PROCESS, f"{REQUEST} error = NULL WHERE status IN ('PROCESSING_FAILED', 'PROCESSING_ABANDONED')"
    ) | at(RETRY, f"{REQUEST} error = NULL WHERE status = 'PROCESSING_ABANDONED'")


class InterruptedForgotten(Mutant):
    """Holds the uploads of dead schedulers for busy for ever."""

    sql_before = at(
        CREATE,
        f"{BATCH} claimed_at = :now WHERE status = 'UPLOADING'",
    )


class InterruptedGivenUp(Mutant):
    """Takes an interrupted upload for failed, though the API may have the batch."""

    sql_before = at(
        CREATE,
        f"{BATCH} status = 'FAILED', error = 'lost', completed_at = :now WHERE status = 'UPLOADING'",
    )


class InterruptedRetriesForgotten(Mutant):
    """Holds the retries of dead schedulers for busy for ever."""

    sql_before = at(
        RETRY,
        f"{REQUEST} claimed_at = :now WHERE status = 'RETRY_IN_PROGRESS'",
    )


class ClosedBeforeApplied(Mutant):
    """Closes an ended batch first and never comes to its results."""

    sql_after = at(
        CHECK,
        f"{BATCH} outcome = status, status = 'PROCESSED', processed_at = :now "
        "WHERE status IN ('COMPLETED', 'EXPIRED', 'CANCELLED', 'FAILED')",
    )


class SlowOnesLost(Mutant):
    """Takes a batch that is slow for failed."""

    sql_before = at(
        CHECK,
        f"{BATCH} status = 'FAILED', error = 'too slow', completed_at = :now "
        "WHERE status IN ('VALIDATING', 'IN_PROGRESS', 'FINALIZING')",
    )


class OutcomeGlossedOver(Mutant):
    """Calls every processed batch completed."""

    sql_after = at(
        PROCESS,
        f"{BATCH} outcome = 'COMPLETED' WHERE status = 'PROCESSED'",
    )


class AppliedTwice(Mutant):
    """Adds the tokens of an answer again when its file is read again."""

    made_of = OptimizedPipeline
    sql_after = at(
        PROCESS,
        f"{REQUEST} prompt_tokens = 2 * prompt_tokens, completion_tokens = 2 * completion_tokens "
        "WHERE completed_at = :now AND status = 'PROCESSING_COMPLETE'",
    )


class FullPrice(Mutant):
    """Forgets that batches cost half."""

    sql_after = at(
        PROCESS,
        f"{REQUEST} cost_usd = 2 * cost_usd WHERE completed_at = :now",
    )


class NeighboursAnswer(Mutant):
    """Writes an answer to another session too."""

    sql_after = at(
        PROCESS,
        "UPDATE session SET sentiment = coalesce(sentiment, 'NEUTRAL')",
    )


class LanguageForgotten(Mutant):
    """Stores three of the four fields."""

    made_of = OptimizedPipeline
    sql_after = dict.fromkeys((PROCESS, RETRY), ("UPDATE session SET language = NULL",))


class InactiveServed(Mutant):
    """Works for companies that have left."""

    sql_before = at(
        CREATE,
        "UPDATE company SET status = 'ACTIVE'",
    )


class TenantsMixed(Mutant):
    """Batches all companies' requests together."""

    sql_before = at(
        CREATE,
        "CREATE TABLE IF NOT EXISTS mutant_home (session_id bigint, company_id bigint)",
        "DELETE FROM mutant_home",
        "INSERT INTO mutant_home SELECT id, company_id FROM session",
        "UPDATE session SET company_id = (SELECT min(id) FROM company WHERE status = 'ACTIVE') "
        "WHERE company_id IN (SELECT id FROM company WHERE status = 'ACTIVE')",
    )
    sql_after = at(
        CREATE,
        "UPDATE session SET company_id = mutant_home.company_id FROM mutant_home WHERE session_id = id",
    )


class TidiesUp(Mutant):
    """Deletes what it gave up."""

    sql_after = at(
        RETRY,
        "DELETE FROM ai_processing_request WHERE status = 'PROCESSING_ABANDONED'",
    )
