"""What becomes of a request: pure decisions that every pipeline takes alike."""

from dataclasses import dataclass
from decimal import Decimal

from claimbench.impl.answers import Answer, read_answer
from claimbench.impl.errors import AnswerError, ApiError
from claimbench.impl.jsonl import ResultLine
from claimbench.impl.ports import ApiBatch, Completion
from claimbench.impl.prices import Channel, cost_usd
from claimbench.impl.statuses import BatchStatus, ProcessingType, RequestStatus

ERROR_CHARACTERS = 300

NO_LINE = "the batch ended without a line for this request"
NO_MESSAGES = "the session has no messages"

INTERRUPTED = "the last attempt was interrupted"

TRANSIENT_STATUS_CODES = frozenset({0, 408, 409, 429})
"""Statuses below 500 that another attempt may cure; 0 is what the API writes when it lost a request."""

BACK_OFF_CODES = frozenset({"token_limit_exceeded", "rate_limit_exceeded"})
"""Reasons to wait that say nothing about the requests themselves."""


NO_ANSWER = Answer()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request becomes. FAILED and PENDING turn into ABANDONED when its attempts are used up."""

    status: RequestStatus
    error: str | None = None
    answer: Answer = NO_ANSWER
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: Decimal | None = None


def outcome_of_line(line: ResultLine, model: str) -> Outcome:
    """The outcome of one line of an output or error file."""
    if line.answered:
        completion = Completion(line.content or "", line.prompt_tokens, line.completion_tokens)
        return outcome_of_answer(line.custom_id.processing_type, model, Channel.BATCH, completion)
    if line.error_code == "batch_expired":
        return Outcome(RequestStatus.PENDING_BATCHING, _reason(line))
    curable = line.status_code in TRANSIENT_STATUS_CODES or line.status_code >= 500
    return Outcome(_failed(curable), _reason(line))


def outcome_of_answer(
    processing_type: ProcessingType, model: str, channel: Channel, completion: Completion
) -> Outcome:
    """The outcome of an answer: complete when it is the JSON that was asked for. It is paid either way."""
    tokens = (completion.prompt_tokens, completion.completion_tokens)
    cost = cost_usd(model, channel, *tokens)
    try:
        answer = read_answer(processing_type, completion.content)
    except AnswerError as error:
        return Outcome(RequestStatus.PROCESSING_FAILED, str(error), NO_ANSWER, *tokens, cost)
    return Outcome(RequestStatus.PROCESSING_COMPLETE, None, answer, *tokens, cost)


def outcome_of_refusal(error: ApiError) -> Outcome:
    """The outcome of a request that was sent alone and got no answer."""
    return Outcome(_failed(error.retryable), str(error)[:ERROR_CHARACTERS])


def outcome_without_line(batch_outcome: BatchStatus, batch_error: str | None) -> Outcome:
    """The outcome of a request whose batch ended without a line for it."""
    if batch_outcome is BatchStatus.COMPLETED:
        return Outcome(RequestStatus.PROCESSING_FAILED, NO_LINE)
    reason = (batch_error or f"the batch ended as {batch_outcome.value}")[:ERROR_CHARACTERS]
    if batch_outcome is BatchStatus.FAILED and not _is_back_off(batch_error):
        return Outcome(RequestStatus.PROCESSING_FAILED, reason)
    return Outcome(RequestStatus.PENDING_BATCHING, reason)


def after_attempts(status: RequestStatus, attempts: int, attempts_max: int) -> RequestStatus:
    """ABANDONED instead of another round when the attempts are used up; otherwise the status itself."""
    again = status in (RequestStatus.PROCESSING_FAILED, RequestStatus.PENDING_BATCHING)
    return RequestStatus.PROCESSING_ABANDONED if again and attempts >= attempts_max else status


def batch_error(batch: ApiBatch) -> str | None:
    """The first of the API's reasons for failing a batch, in one line; None when it gave none."""
    return batch.errors[0][:ERROR_CHARACTERS] if batch.errors else None


def _is_back_off(error: str | None) -> bool:
    return error is not None and error.split(":", 1)[0] in BACK_OFF_CODES


def _failed(curable: object) -> RequestStatus:
    return RequestStatus.PROCESSING_FAILED if curable else RequestStatus.PROCESSING_ABANDONED


def _reason(line: ResultLine) -> str:
    code = line.error_code or f"status {line.status_code}"
    return f"{code}: {line.error_message or 'no message'}"[:ERROR_CHARACTERS].replace("\x00", "")
