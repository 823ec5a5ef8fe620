"""What each stage works with, and what becomes of a request in this pipeline."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session as Database
from sqlalchemy.orm import sessionmaker

from claimbench.impl.events import Event, EventKind, EventSink
from claimbench.impl.lifecycle import RequestOutcome, after_attempts, attempts_after
from claimbench.impl.ports import BatchApi, Policy, Stage, StageReport
from claimbench.impl.prompts import Prompt, Utterance, transcript
from claimbench.impl.schema import Company, ProcessingRequest, Session
from claimbench.impl.statuses import ProcessingType, RequestStatus


@dataclass(frozen=True, slots=True)
class Tools:
    """Database sessions, the API, the limits, and who listens."""

    databases: sessionmaker[Database]
    api: BatchApi
    policy: Policy
    events: EventSink


def for_each(
    companies: Iterable[Company], work: Callable[[Company], StageReport], report: StageReport, tools: Tools
) -> StageReport:
    """Do a company's work after the other's; what fails in the database for one is left to a later run."""
    for company in companies:
        try:
            report = report.plus(work(company))
        except DBAPIError as error:
            if error.connection_invalidated:  # then it is not this company's trouble
                raise
            told = f"company {company.id}: {type(error.orig).__name__}"
            tools.events(Event(EventKind.DATABASE_ERROR, told))
    return report


def prompt_of(request: ProcessingRequest) -> Prompt:
    """The prompt, from the request's session and its messages as the ORM loads them."""
    said = (Utterance(message.role, message.content) for message in request.session.messages)
    return Prompt(request.model, ProcessingType(request.processing_type), transcript(said))


def settle(
    request: ProcessingRequest, outcome: RequestOutcome, tools: Tools, stage: Stage, now: datetime
) -> StageReport:
    """Write an outcome to its request and, when it is an answer, to its session."""
    request.attempts = attempts_after(request.attempts, outcome)
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


def _write_answer(session: Session, outcome: RequestOutcome) -> None:
    answer = outcome.answer
    session.sentiment = answer.sentiment or session.sentiment
    session.category = answer.category or session.category
    session.summary = answer.summary or session.summary
    session.language = answer.language or session.language
