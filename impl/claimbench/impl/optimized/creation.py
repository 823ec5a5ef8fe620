"""Stage 1 for all companies at once: claim, stream the prompts into files, submit these in parallel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row

from claimbench.impl.batching import (
    BACK_OFF_CODES,
    BackOff,
    PendingRequest,
    PlannedBatch,
    plan_batches,
    remembered_since,
)
from claimbench.impl.breaker import StageBreaker
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import NO_MESSAGES
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.batch_files import BatchFileWriter
from claimbench.impl.optimized.parallel import in_parallel
from claimbench.impl.optimized.prompt_stream import open_stream
from claimbench.impl.optimized.submission import InterruptedBatch, SubmittedBatch, Submitter
from claimbench.impl.optimized.writing import in_transaction, write
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.statuses import ACCEPTED_BATCHES

STAGE = Stage.CREATE_BATCHES


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one statement took, and what it left."""

    interrupted: tuple[InterruptedBatch, ...]
    batches: tuple[int, ...]
    silent: int
    left: int


def create_batches(companies: Sequence[int], context: PipelineContext, now: datetime) -> StageReport:
    """Claim what is due, finish what was interrupted, and hand all of it to the API."""
    lease = Lease(now)
    claimed = in_transaction(context.engine, lambda connection: _claim(connection, companies, context, lease))
    report = StageReport(STAGE, failed=claimed.silent, skipped=claimed.left)
    submitter = Submitter(context, StageBreaker(context.events))
    looked_up = _looked_up(claimed.interrupted, submitter, lease)
    for submission in looked_up:
        if submission.is_settled:
            report = report.plus(_report(submission))
    never_sent = [one for one in looked_up if not one.is_settled]
    batches = (*(one.batch_id for one in never_sent if one.requests), *claimed.batches)
    empty = [one.batch_id for one in never_sent if not one.requests]
    return report.plus(_submit(batches, empty, submitter, lease))


def _submit(batches: Sequence[int], empty: Sequence[int], submitter: Submitter, lease: Lease) -> StageReport:
    report = StageReport(STAGE)
    writer = BatchFileWriter(submitter.context, lease)
    writer.empty.extend(empty)
    for submission in _streamed(batches, writer, submitter, lease) if batches else ():
        report = report.plus(_report(submission))
    if writer.empty:
        write(submitter.context.engine, statements.DELETE_EMPTY_BATCHES, {"batches": writer.empty})
    return report.plus(StageReport(STAGE, failed=writer.unsent))


def _looked_up(
    batches: Sequence[InterruptedBatch], submitter: Submitter, lease: Lease
) -> Sequence[SubmittedBatch]:
    """Ask the API for what an interrupted run may have created, and adopt it."""
    limit = submitter.context.policy.concurrent_companies
    found = list(in_parallel(submitter.find, batches, limit)) if batches else []
    submitter.record([one for one in found if one.is_settled], lease)
    return found


def _streamed(
    batches: Sequence[int], writer: BatchFileWriter, submitter: Submitter, lease: Lease
) -> Sequence[SubmittedBatch]:
    """Submit in parallel while the prompts stream in; written is what became of them, if not all could be.

    The stream's locks keep others away until the last answer has come; writing needs them gone.
    """
    done: list[SubmittedBatch] = []
    limit = submitter.context.policy.concurrent_companies
    try:
        with open_stream(submitter.context.engine) as stream:
            files = writer.files(stream.rows(statements.BATCH_PROMPTS, batches, lease))
            for submission in in_parallel(submitter.submit, files, limit):
                done.append(submission)  # noqa: PERF402 (what is done must not be lost when one breaks)
    finally:
        submitter.record(done, lease)
    return done


def _claim(
    connection: Connection, companies: Sequence[int], context: PipelineContext, lease: Lease
) -> Claimed:
    policy, now = context.policy, lease.at
    whose = {"companies": list(companies), **lease.parameters(policy.claim_lease)}
    interrupted = connection.execute(statements.CLAIM_INTERRUPTED_UPLOADS, whose).all()
    waiting = {
        "companies": list(companies),
        "back_off_codes": sorted(BACK_OFF_CODES),
        "accepted": [status.value for status in ACCEPTED_BATCHES],
        "remembered_since": remembered_since(policy, now),
    }
    pending = connection.execute(statements.PENDING_REQUESTS, waiting).all()
    silent = [row.id for row in pending if row.message_count == 0]
    planned = tuple(plan_batches(_speaking(pending), policy, now))
    _abandon(connection, silent, now)
    taken = sum(len(batch.requests) for batch in planned)
    return Claimed(
        tuple(InterruptedBatch(row.id, row.key, row.requests, row.openai_created_at) for row in interrupted),
        tuple(_store(connection, planned, lease)),
        len(silent),
        len(pending) - len(silent) - taken,
    )


def _speaking(pending: Iterable[Row[tuple[object, ...]]]) -> Iterator[PendingRequest]:
    for row in pending:
        if row.message_count > 0:
            back_off = BackOff(row.refusals, row.last_at) if row.refusals else None
            yield PendingRequest(row.id, row.company_id, row.model, row.requested_at, row.attempts, back_off)


def _abandon(connection: Connection, requests: Sequence[int], now: datetime) -> None:
    if requests:
        parameters = {"requests": list(requests), "error": NO_MESSAGES, "now": now}
        connection.execute(statements.ABANDON_REQUESTS, parameters)


def _store(connection: Connection, planned: Sequence[PlannedBatch], lease: Lease) -> Sequence[int]:
    if not planned:
        return ()
    keys = [batch.key for batch in planned]
    members = [
        (request.id, key) for key, batch in zip(keys, planned, strict=True) for request in batch.requests
    ]
    parameters = {
        "companies": [batch.company_id for batch in planned],
        "models": [batch.model for batch in planned],
        "keys": keys,
        "requests": [request_id for request_id, _ in members],
        "request_keys": [key for _, key in members],
        "now": lease.at,
        "token": lease.by,
    }
    return connection.scalars(statements.CLAIM_REQUESTS, parameters).all()


def _report(submission: SubmittedBatch) -> StageReport:
    size = submission.requests
    if submission.batch:
        return StageReport(STAGE, claimed=size, created=size)
    return StageReport(STAGE, claimed=size, failed=size)
