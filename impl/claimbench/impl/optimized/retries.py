"""Stage 4 for all companies at once: one claim, calls in parallel, answers written as sets."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.lifecycle import INTERRUPTED, outcome_of_answer, outcome_of_refusal
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.parallel import in_parallel
from claimbench.impl.optimized.prompt_stream import stream_rows
from claimbench.impl.optimized.settling import Settlement, Settling, settle
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.prices import Channel
from claimbench.impl.prompts import Prompt
from claimbench.impl.statuses import ProcessingType, RequestStatus

STAGE = Stage.RETRY_FAILED

ANSWERS_AT_A_TIME = 500
"""Answers are paid for: a crash loses at most this many, and a write costs a round trip for as many."""


@dataclass(frozen=True, slots=True)
class Question:
    """A claimed request with its prompt."""

    request_id: int
    prompt: Prompt


def retry_failed(companies: Sequence[int], context: PipelineContext, now: datetime) -> StageReport:
    """Claim each company's oldest failed requests, ask them in parallel, store the answers."""
    claimed = _claim(companies, context, now)
    report = StageReport(STAGE)
    if not claimed:
        return report
    settling = Settling(STAGE, RequestStatus.RETRY_IN_PROGRESS, context.policy, now)
    limit = context.policy.concurrent_companies
    answers = in_parallel(lambda question: _ask(question, context), _questions(claimed, context), limit)
    while portion := list(islice(answers, ANSWERS_AT_A_TIME)):
        with context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            report = report.plus(settle(connection, portion, settling))
    return report


def _claim(companies: Sequence[int], context: PipelineContext, now: datetime) -> Sequence[int]:
    parameters = {
        "companies": list(companies),
        "per_company": context.policy.retries_per_company,
        "attempts_max": context.policy.attempts_max,
        "interrupted": INTERRUPTED,
        "stale": now - context.policy.claim_lease,
        "now": now,
    }
    with context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        rows = connection.execute(statements.CLAIM_FAILED_REQUESTS, parameters).all()
    return [row.id for row in rows if row.status == RequestStatus.RETRY_IN_PROGRESS]


def _questions(claimed: Iterable[int], context: PipelineContext) -> Iterator[Question]:
    rows = stream_rows(context.engine, statements.RETRY_PROMPTS, "requests", list(claimed))
    for request_id, model, processing_type, transcript in rows:
        yield Question(request_id, Prompt(model, ProcessingType(processing_type), transcript or ""))


def _ask(question: Question, context: PipelineContext) -> Settlement:
    try:
        completion = context.api.complete(question.prompt.body())
    except ApiError as error:
        context.events(Event(EventKind.API_ERROR, str(error)))
        return Settlement(question.request_id, None, outcome_of_refusal(error))
    prompt = question.prompt
    outcome = outcome_of_answer(prompt.processing_type, prompt.model, Channel.ALONE, completion)
    return Settlement(question.request_id, None, outcome)
