"""What each stage works with, and what becomes of a request in this pipeline."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session as Database
from sqlalchemy.orm import sessionmaker

from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind, EventSink
from claimbench.impl.lifecycle import Outcome, after_attempts
from claimbench.impl.ports import BatchApi, Policy, Stage, StageReport
from claimbench.impl.prompts import Prompt, Utterance, transcript
from claimbench.impl.schema import ProcessingRequest, Session
from claimbench.impl.statuses import ProcessingType, RequestStatus


@dataclass(frozen=True, slots=True)
class Tools:
    """Database sessions, the API, the limits, and who listens."""

    databases: sessionmaker[Database]
    api: BatchApi
    policy: Policy
    events: EventSink

    def tell(self, error: ApiError) -> None:
        """Report a failure of the API to whoever listens; the next company goes on."""
        self.events(Event(EventKind.API_ERROR, str(error)))


def prompt_of(request: ProcessingRequest) -> Prompt:
    """The prompt, from the request's session and its messages as the ORM loads them."""
    said = (Utterance(message.role, message.content) for message in request.session.messages)
    return Prompt(request.model, ProcessingType(request.processing_type), transcript(said))


def settle(
    request: ProcessingRequest, outcome: Outcome, tools: Tools, stage: Stage, now: datetime
) -> StageReport:
    """Write an outcome to its request and, when it is an answer, to its session."""
    status = after_attempts(outcome.status, request.attempts, tools.policy.attempts_max)
    request.status, request.error = status, outcome.error
    if outcome.prompt_tokens is not None:
        request.prompt_tokens = (request.prompt_tokens or 0) + outcome.prompt_tokens
        request.completion_tokens = (request.completion_tokens or 0) + (outcome.completion_tokens or 0)
    if outcome.cost_usd is not None:
        request.cost_usd = (request.cost_usd or 0) + outcome.cost_usd
    if status is RequestStatus.PENDING_BATCHING:
        request.batch_id = None
    if status in (RequestStatus.PROCESSING_COMPLETE, RequestStatus.PROCESSING_ABANDONED):
        request.completed_at = now
    if status is not RequestStatus.PROCESSING_COMPLETE:
        return StageReport(stage, failed=1)
    _write_answer(request.session, outcome)
    return StageReport(stage, completed=1)


def _write_answer(session: Session, outcome: Outcome) -> None:
    answer = outcome.answer
    session.sentiment = answer.sentiment or session.sentiment
    session.category = answer.category or session.category
    session.summary = answer.summary or session.summary
    session.language = answer.language or session.language
