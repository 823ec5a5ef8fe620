"""Stage 1 for all companies at once: claim, stream the prompts into files, submit these in parallel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from sqlalchemy import Connection, Row

from claimbench.impl.batching import PendingRequest, PlannedBatch, plan_batches
from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.jsonl import CustomId, request_line
from claimbench.impl.lifecycle import NO_MESSAGES
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.parallel import in_parallel
from claimbench.impl.optimized.prompt_stream import stream_rows
from claimbench.impl.ports import ApiBatch, PipelineContext, Stage, StageReport, batch_metadata
from claimbench.impl.prompts import Prompt
from claimbench.impl.statuses import BatchStatus, ProcessingType

STAGE = Stage.CREATE_BATCHES

IN_MEMORY_BYTES = 256 * 1024
"""A batch's file up to this size stays in memory; a larger one goes to the disk."""


@dataclass(frozen=True, slots=True)
class BatchFile:
    """The input file of one claimed batch, ready to be read."""

    batch_id: int
    key: str
    company_id: int
    requests: int
    lines: BinaryIO
    was_interrupted: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a batch: the API's batch, a final refusal, or neither (a later run goes on)."""

    file: BatchFile
    batch: ApiBatch | None = None
    error: ApiError | None = None


def create_batches(companies: Sequence[int], context: PipelineContext, now: datetime) -> StageReport:
    """Claim what is due, finish what was interrupted, and hand all of it to the API."""
    with context.engine.begin() as connection:
        interrupted = _claim_interrupted(connection, companies, context, now)
        pending = connection.execute(statements.PENDING_REQUESTS, {"companies": list(companies)}).all()
        silent = [row.id for row in pending if row.message_count == 0]
        planned = tuple(plan_batches(_speaking(pending), context.policy, now))
        _abandon(connection, silent, now)
        claimed = _claim(connection, planned, now)
    files = _batch_files((*interrupted, *claimed), frozenset(interrupted), context)
    limit = context.policy.concurrent_companies
    submissions = tuple(in_parallel(lambda file: _submit(file, context), files, limit))
    _record(submissions, context, now)
    taken = sum(len(batch.requests) for batch in planned)
    report = StageReport(STAGE, failed=len(silent), skipped=len(pending) - len(silent) - taken)
    for submission in submissions:
        report = report.plus(_report(submission))
    return report


def _claim_interrupted(
    connection: Connection, companies: Sequence[int], context: PipelineContext, now: datetime
) -> Sequence[int]:
    stale = now - context.policy.claim_lease
    parameters = {"companies": list(companies), "now": now, "stale": stale}
    return connection.scalars(statements.CLAIM_INTERRUPTED_UPLOADS, parameters).all()


def _speaking(pending: Iterable[Row[tuple[object, ...]]]) -> Iterator[PendingRequest]:
    for row in pending:
        if row.message_count > 0:
            yield PendingRequest(row.id, row.company_id, row.model, row.requested_at, row.attempts)


def _abandon(connection: Connection, requests: Sequence[int], now: datetime) -> None:
    if requests:
        parameters = {"requests": list(requests), "error": NO_MESSAGES, "now": now}
        connection.execute(statements.ABANDON_REQUESTS, parameters)


def _claim(connection: Connection, planned: Sequence[PlannedBatch], now: datetime) -> Sequence[int]:
    if not planned:
        return ()
    members = [(request.id, batch.key) for batch in planned for request in batch.requests]
    parameters = {
        "companies": [batch.company_id for batch in planned],
        "models": [batch.model for batch in planned],
        "keys": [batch.key for batch in planned],
        "requests": [request_id for request_id, _ in members],
        "request_keys": [key for _, key in members],
        "now": now,
    }
    return connection.scalars(statements.CLAIM_REQUESTS, parameters).all()


def _batch_files(
    batches: Sequence[int], interrupted: frozenset[int], context: PipelineContext
) -> Iterator[BatchFile]:
    if not batches:
        return
    rows = stream_rows(context.engine, statements.BATCH_PROMPTS, "batches", batches)
    for (batch_id, key, company_id), members in groupby(rows, key=itemgetter(0, 1, 2)):
        # The submission closes it; SpooledTemporaryFile is a BinaryIO in all but name.
        lines = cast("BinaryIO", SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))  # noqa: SIM115
        size = 0
        for _, _, _, request_id, model, processing_type, transcript in members:
            kind = ProcessingType(processing_type)
            lines.write(request_line(CustomId(request_id, kind), Prompt(model, kind, transcript or "")))
            size += 1
        lines.seek(0)
        yield BatchFile(batch_id, key, company_id, size, lines, batch_id in interrupted)


def _submit(file: BatchFile, context: PipelineContext) -> Submission:
    api = context.api
    with file.lines:
        try:
            found = api.find_batch(file.key) if file.was_interrupted else None
            if found is None:
                file_id = api.upload(f"{file.key}.jsonl", file.lines)
                found = api.create_batch(file_id, batch_metadata(file.key, file.company_id))
        except ApiError as error:
            context.events(Event(EventKind.API_ERROR, str(error)))
            return Submission(file, error=error)
    return Submission(file, batch=found)


def _record(submissions: Sequence[Submission], context: PipelineContext, now: datetime) -> None:
    final = [done for done in submissions if done.batch or (done.error and not done.error.retryable)]
    if not final:
        return
    parameters = {
        "batches": [done.file.batch_id for done in final],
        "statuses": [BatchStatus.VALIDATING if done.batch else BatchStatus.FAILED for done in final],
        "openai_ids": [done.batch.id if done.batch else None for done in final],
        "file_ids": [done.batch.input_file_id if done.batch else None for done in final],
        "errors": [str(done.error) if done.error else None for done in final],
        "now": now,
    }
    with context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(statements.RECORD_SUBMISSIONS, parameters)


def _report(submission: Submission) -> StageReport:
    size = submission.file.requests
    if submission.batch:
        return StageReport(STAGE, claimed=size, created=size)
    return StageReport(STAGE, claimed=size, failed=size)
