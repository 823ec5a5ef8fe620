"""What becomes of a request: pure decisions that every pipeline takes alike."""

from collections.abc import Sized
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from claimbench.impl.batching import is_back_off
from claimbench.impl.errors import AnswerError, ApiError, Blame, is_transient
from claimbench.impl.jsonl import BatchResultLine
from claimbench.impl.ports import ApiBatch, Completion, Policy
from claimbench.impl.prices import PriceFactor, cost_usd
from claimbench.impl.prompts import AnswerFields, read_answer
from claimbench.impl.statuses import ENDED_BATCHES, BatchStatus, ProcessingType, RequestStatus
from claimbench.impl.storable import storable

NO_LINE = "the batch ended without a line for this request"
NO_MESSAGES = "the session has no messages"
TOO_LARGE = "the request's line is larger than a batch may be"
HELD_BACK = "held back: another call showed that the API takes no more for now"

INTERRUPTED = "the last attempt was interrupted"

FILE_NOT_FOUND = "invalid_request: Cannot find file"
"""How the API fails a batch whose input file it has lost: no request is to blame."""


NO_ANSWER = AnswerFields()


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """What a request becomes. FAILED and PENDING turn into ABANDONED when its attempts are used up."""

    status: RequestStatus
    error: str | None = None
    answer: AnswerFields = NO_ANSWER
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: Decimal | None = None
    attempts_used: int = 1
    """0 gives the attempt back that was counted at the claim: the model never saw the request."""


NOTHING_TO_ASK = RequestOutcome(RequestStatus.PROCESSING_ABANDONED, NO_MESSAGES)
"""What becomes of a request whose session has no message."""


HELD = RequestOutcome(RequestStatus.PROCESSING_FAILED, HELD_BACK, attempts_used=0)
"""The outcome of a claimed request that was not sent, because the stage had stopped calling the API."""


def outcome_of_line(line: BatchResultLine, model: str) -> RequestOutcome:
    """The outcome of one line of an output or error file."""
    if line.answered:
        completion = Completion(line.content or "", line.prompt_tokens, line.completion_tokens)
        return outcome_of_answer(line.custom_id.processing_type, model, PriceFactor.BATCH, completion)
    if line.error_code == "batch_expired":
        return RequestOutcome(RequestStatus.PENDING_BATCHING, _reason(line))
    curable = is_transient(line.status_code)
    return RequestOutcome(_failed(curable), _reason(line))


def outcome_of_answer(
    processing_type: ProcessingType, model: str, channel: PriceFactor, completion: Completion
) -> RequestOutcome:
    """The outcome of an answer: complete when it is the JSON that was asked for. It is paid either way."""
    tokens = (completion.prompt_tokens, completion.completion_tokens)
    cost = cost_usd(model, channel, *tokens)
    try:
        answer = read_answer(processing_type, completion.content)
    except AnswerError as error:
        return RequestOutcome(RequestStatus.PROCESSING_FAILED, str(error), NO_ANSWER, *tokens, cost)
    return RequestOutcome(RequestStatus.PROCESSING_COMPLETE, None, answer, *tokens, cost)


def outcome_of_refusal(error: ApiError) -> RequestOutcome:
    """The outcome of a request that was sent alone and got no answer."""
    reason = storable(str(error))
    if error.blame is Blame.CALLER:
        return RequestOutcome(RequestStatus.PROCESSING_FAILED, reason, attempts_used=0)
    return RequestOutcome(_failed(error.blame is Blame.MOMENT), reason)


def outcome_of_bad_line(reason: str) -> RequestOutcome:
    """The outcome of a request whose line made the API fail the whole batch: its like never succeeds."""
    return RequestOutcome(RequestStatus.PROCESSING_ABANDONED, storable(reason))


def outcome_without_line(
    ended: BatchStatus, batch_error: str | None, bad_lines: Sized = ()
) -> RequestOutcome:
    """The outcome of a request whose batch ended without a line for it, and that is not to blame for that."""
    if ended is BatchStatus.COMPLETED:
        return RequestOutcome(RequestStatus.PROCESSING_FAILED, NO_LINE)
    reason = storable(batch_error or f"the batch ended as {ended.value}")
    if ended is BatchStatus.FAILED and (bad_lines or is_back_off(batch_error)):
        return RequestOutcome(RequestStatus.PENDING_BATCHING, reason, attempts_used=0)
    if ended is BatchStatus.FAILED and not reason.startswith(FILE_NOT_FOUND):
        return RequestOutcome(RequestStatus.PROCESSING_FAILED, reason)
    return RequestOutcome(RequestStatus.PENDING_BATCHING, reason)


def attempts_after(attempts: int, outcome: RequestOutcome) -> int:
    """How many attempts count after an outcome; the one under way is counted already."""
    return max(0, attempts - 1 + outcome.attempts_used)


def after_attempts(status: RequestStatus, attempts: int, attempts_max: int) -> RequestStatus:
    """ABANDONED instead of another round when the attempts are used up; otherwise the status itself."""
    again = status in (RequestStatus.PROCESSING_FAILED, RequestStatus.PENDING_BATCHING)
    return RequestStatus.PROCESSING_ABANDONED if again and attempts >= attempts_max else status


@dataclass(frozen=True, slots=True)
class OutcomeColumns:
    """What `after_attempts` says, as SQL for whole sets; one test holds both to one table."""

    status: str
    attempts: str
    batch_id: str
    completed_at: str

    @classmethod
    def after(cls, outcome: str) -> "OutcomeColumns":
        """Expressions over the row `request` and the row `outcome`: its status and attempts_used."""
        attempts = f"request.attempts - 1 + {outcome}.attempts_used"
        return cls(
            status=f"""CASE WHEN {outcome}.status IN ('PROCESSING_FAILED', 'PENDING_BATCHING')
                           AND {attempts} >= :attempts_max
                          THEN 'PROCESSING_ABANDONED' ELSE {outcome}.status END""",
            attempts=f"greatest(0, {attempts})",
            batch_id=f"""CASE WHEN {outcome}.status = 'PENDING_BATCHING'
                             AND {attempts} < :attempts_max
                            THEN NULL ELSE request.batch_id END""",
            completed_at=f"""CASE WHEN {outcome}.status IN ('PROCESSING_COMPLETE', 'PROCESSING_ABANDONED')
                                  OR {attempts} >= :attempts_max
                                THEN CAST(:now AS timestamptz) ELSE request.completed_at END""",
        )


class FilesWait(NamedTuple):
    """How an ended batch is waited for that lacks a file or a part of one."""

    since: int
    """When it was first seen to lack it, in Unix seconds."""
    is_over: bool


def wait_for_files(batch: ApiBatch, since: int | None, policy: Policy, now: datetime) -> FilesWait:
    """Whether what an ended batch is seen to lack may still come.

    since: when an earlier look saw that. The wait begins with the first look, however long ago the batch
    ended, and is measured by the API's clock: a scheduler's may be hours wrong, and what is given up too
    early is paid for twice. Our `now` serves only where the API tells no time.
    """
    at = int(now.timestamp()) if batch.told_at is None else batch.told_at
    since = at if since is None else since
    return FilesWait(since, abs(at - since) >= policy.missing_file_patience.total_seconds())


class SeenStatus(NamedTuple):
    """What a look at a batch says of it: its status, and when it was first seen to have ended."""

    status: BatchStatus
    ended_at: datetime | None = None
    incomplete_since: int | None = None
    """When it was first seen to have ended without a file; see `wait_for_files`."""


def status_seen(
    batch: ApiBatch, ended_at: datetime | None, incomplete_since: int | None, policy: Policy, now: datetime
) -> SeenStatus:
    """The batch's status; one that has ended is finalizing while a file of it may be only late.

    ended_at, incomplete_since: what an earlier look saw. The API has been seen to end batches before their
    files have ids.
    """
    if batch.status not in ENDED_BATCHES:
        return SeenStatus(batch.status)
    if not _lacks_a_file(batch):
        return SeenStatus(batch.status, ended_at or now)
    wait = wait_for_files(batch, incomplete_since, policy, now)
    status = batch.status if wait.is_over else BatchStatus.FINALIZING
    return SeenStatus(status, ended_at or now, wait.since)


def _lacks_a_file(batch: ApiBatch) -> bool:
    has_none = not (batch.output_file_id or batch.error_file_id)
    return (batch.answered > 0 and not batch.output_file_id) or (
        batch.status is BatchStatus.COMPLETED and has_none
    )


def batch_error(batch: ApiBatch) -> str | None:
    """The first of the API's reasons for failing a batch, in one line; None when it gave none."""
    return storable(batch.errors[0]) if batch.errors else None


def _failed(curable: object) -> RequestStatus:
    return RequestStatus.PROCESSING_FAILED if curable else RequestStatus.PROCESSING_ABANDONED


def _reason(line: BatchResultLine) -> str:
    code = line.error_code or f"status {line.status_code}"
    return storable(f"{code}: {line.error_message or 'no message'}")
