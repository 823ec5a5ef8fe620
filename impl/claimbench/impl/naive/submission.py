"""How the naive pipeline hands claimed batches to the API: exactly once, whatever fails on the way."""

import io
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session as Database

from claimbench.impl.batching import batch_key
from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError, Blame, is_unsent
from claimbench.impl.events import surplus_batch
from claimbench.impl.jsonl import CustomId, request_line
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import TOO_LARGE
from claimbench.impl.naive.queries import interrupted_uploads
from claimbench.impl.naive.tools import Tools, prompt_of
from claimbench.impl.ports import ApiBatch, Stage, StageReport, batch_metadata
from claimbench.impl.schema import BatchRequest, ProcessingRequest
from claimbench.impl.statuses import BatchStatus, ProcessingType, RequestStatus
from claimbench.impl.storable import storable

STAGE = Stage.CREATE_BATCHES


@dataclass(frozen=True, slots=True)
class Line:
    """A request and the line that asks it."""

    request: ProcessingRequest
    text: bytes


def submit_all(
    batches: Iterable[BatchRequest], database: Database, tools: Tools, breaker: StageBreaker, lease: Lease
) -> StageReport:
    """Submit each claimed batch; one that is too large becomes several, in place."""
    report = StageReport(STAGE)
    waiting = deque(batches)
    while waiting:
        batch = waiting.popleft()
        if not is_ours(batch, database, lease):
            database.rollback()
            continue
        lines, too_large = _lines(batch, tools.policy.bytes_per_batch_max)
        if too_large:
            report = report.plus(_give_up(too_large, database, lease.at))
            database.commit()  # before the upload: a crash after it finds in the batch what it asks
            waiting.appendleft(batch)
            continue
        rest = _rest(batch, lines, tools.policy.bytes_per_batch_max, lease)
        if rest is not None:
            database.add(rest)
            database.commit()  # before the upload of either: a crash after it finds both by their keys
            waiting.extendleft((rest, batch))
        elif lines:
            report = report.plus(_submit(batch, lines, tools, breaker, lease.at))
            _keep(batch, database, tools)
        else:
            database.delete(batch)
            database.commit()
    return report


def is_ours(batch: BatchRequest, database: Database, lease: Lease) -> bool:
    """Lock the batch for as long as it is being submitted: who would take it over sees that we live."""
    return (
        database.scalars(
            select(BatchRequest)
            .where(BatchRequest.id == batch.id, BatchRequest.status == BatchStatus.UPLOADING)
            .where(BatchRequest.claimed_by == lease.by)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        is not None
    )


def _lines(batch: BatchRequest, bytes_max: int) -> tuple[list[Line], list[ProcessingRequest]]:
    lines, too_large = [], []
    for request in sorted(batch.requests, key=lambda r: (r.requested_at, r.id)):
        custom_id = CustomId(request.id, ProcessingType(request.processing_type))
        text = request_line(custom_id, prompt_of(request))
        if len(text) <= bytes_max:
            lines.append(Line(request, text))
        else:
            too_large.append(request)
    return lines, too_large


def _give_up(requests: Sequence[ProcessingRequest], database: Database, now: datetime) -> StageReport:
    for request in requests:
        request.status, request.error = RequestStatus.PROCESSING_ABANDONED, TOO_LARGE
        request.batch, request.completed_at = None, now
        request.attempts -= 1  # it was never sent
    database.flush()
    return StageReport(STAGE, failed=len(requests))


def _rest(batch: BatchRequest, lines: Sequence[Line], bytes_max: int, lease: Lease) -> BatchRequest | None:
    """A new batch of the requests beyond the limit, taken out of the given one; None when all fit."""
    size, fitting = 0, 0
    for line in lines:
        size += len(line.text)
        if size > bytes_max:
            break
        fitting += 1
    beyond = [line.request for line in lines[fitting:]]
    if not beyond:
        return None
    for request in beyond:
        batch.requests.remove(request)
    return BatchRequest(
        company_id=batch.company_id,
        model=batch.model,
        key=batch_key(((request.id, request.attempts) for request in beyond), lease.at),
        status=BatchStatus.UPLOADING,
        created_at=lease.at,
        claimed_at=lease.at,
        claimed_by=lease.by,
        requests=beyond,
    )


def _submit(
    batch: BatchRequest, lines: Sequence[Line], tools: Tools, breaker: StageBreaker, now: datetime
) -> StageReport:
    size = len(lines)
    held = StageReport(STAGE, claimed=size, failed=size)
    if breaker.is_open:
        batch.claimed_at, batch.claimed_by = None, None
        return held
    file_id = None
    try:
        file = io.BytesIO(b"".join(line.text for line in lines))
        file_id = tools.api.upload(f"{batch.key}.jsonl", file)
        created = tools.api.create_batch(file_id, batch_metadata(batch.key, batch.company_id))
    except ApiError as error:
        breaker.count(error)
        refuse(batch, error, now)
        if file_id is None or is_unsent(error):
            batch.claimed_at, batch.claimed_by = None, None  # it is known not to be at the API
        return held
    adopt(batch, created)
    return StageReport(STAGE, claimed=size, created=size)


def _keep(batch: BatchRequest, database: Database, tools: Tools) -> None:
    """Commit what became of a submission.

    A connection that was cut meanwhile let go of the lock, and another may have submitted the batch too:
    then it is kept over another connection if it still can be, and told as surplus if not.
    """
    batch_id, openai_batch_id, input_file_id = batch.id, batch.openai_batch_id, batch.input_file_id
    try:
        database.commit()
    except DBAPIError:
        if openai_batch_id:
            _keep_late(batch_id, openai_batch_id, input_file_id, tools)
        raise


def _keep_late(batch_id: int, openai_batch_id: str, input_file_id: str | None, tools: Tools) -> None:
    with tools.databases.begin() as database:
        batch = database.get(BatchRequest, batch_id, with_for_update={"key_share": True})
        if batch is not None and batch.status == BatchStatus.UPLOADING:
            _write_down(batch, openai_batch_id, input_file_id)
        elif batch is None or batch.openai_batch_id != openai_batch_id:
            tools.events(surplus_batch(openai_batch_id))


def refuse(batch: BatchRequest, error: ApiError, now: datetime) -> None:
    """What becomes of a batch that was not created: nobody's, unless the API may have it all the same."""
    if error.blame is Blame.REQUEST:
        batch.status, batch.error, batch.completed_at = BatchStatus.FAILED, storable(str(error)), now
    if error.status_code is not None or error.blame is not Blame.MOMENT:
        batch.claimed_at = None  # otherwise the lease gives the API time to show what it made


def adopt(batch: BatchRequest, created: ApiBatch) -> None:
    """Write down which batch of the API this is."""
    _write_down(batch, created.id, created.input_file_id)


def _write_down(batch: BatchRequest, openai_batch_id: str, input_file_id: str | None) -> None:
    batch.openai_batch_id, batch.input_file_id = openai_batch_id, input_file_id
    batch.status, batch.claimed_at = BatchStatus.VALIDATING, None


def resume_interrupted(tools: Tools, breaker: StageBreaker, lease: Lease) -> StageReport:
    """Adopt what the API already has of an interrupted upload, or submit it again."""
    report = StageReport(STAGE)
    with tools.databases() as database:
        batches = interrupted_uploads(database, tools, lease.at)
        unsent = {batch.id for batch in batches if batch.claimed_by is None}
        for batch in batches:
            batch.claimed_at, batch.claimed_by = lease.at, lease.by
        database.commit()
        for batch in batches:
            if is_ours(batch, database, lease):
                resume = _resend if batch.id in unsent else _resume
                report = report.plus(resume(batch, database, tools, breaker, lease))
            database.commit()
    return report


def _resend(
    batch: BatchRequest, database: Database, tools: Tools, breaker: StageBreaker, lease: Lease
) -> StageReport:
    return submit_all([batch], database, tools, breaker, lease)


def _resume(
    batch: BatchRequest, database: Database, tools: Tools, breaker: StageBreaker, lease: Lease
) -> StageReport:
    size = len(batch.requests)
    held = StageReport(STAGE, claimed=size, failed=size)
    if breaker.is_open:
        batch.claimed_at = None
        return held
    try:
        found = tools.api.find_batches((batch.key,)).get(batch.key)
    except ApiError as error:
        breaker.count(error)
        batch.claimed_at = None
        return held
    if found is None:
        return _resend(batch, database, tools, breaker, lease)
    adopt(batch, found)
    return StageReport(STAGE, claimed=size, created=size)
