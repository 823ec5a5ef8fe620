"""Stage 4 for all companies at once: requests taken as a set, asked in parallel, answers written as sets."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from claimbench.impl.breaker import CHAT_PATIENCE, StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import (
    HELD,
    INTERRUPTED,
    NOTHING_TO_ASK,
    outcome_of_answer,
    outcome_of_refusal,
)
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.sessions import living_session
from claimbench.impl.optimized.settling import Settlement, Settling, settle, settlement
from claimbench.impl.optimized.strategies import ALL_STRATEGIES, Strategies, written_together
from claimbench.impl.optimized.writing import rows_of
from claimbench.impl.parallel import in_parallel
from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.impl.prices import PriceFactor
from claimbench.impl.prompts import Prompt
from claimbench.impl.statuses import ProcessingType, RequestStatus

STAGE = Stage.RETRY_FAILED

ANSWERS_AT_A_TIME = 100
"""Answers are paid for, and a crash loses those that are not written; a write costs a round trip."""

PROMPTS_AT_A_TIME = 500
"""Prompts that are fetched at once."""

PARTS = 16
"""However many are retried, in about so many parts prompts are fetched and answers written, unless they would
be smaller than these (docs/decisions/0019-retried-answers-are-written-in-sixteen-parts.md)."""


@dataclass(frozen=True, slots=True)
class RetryPrompt:
    """A claimed request with its prompt."""

    request_id: int
    prompt: Prompt
    is_silent: bool
    """Whether its session has no message: an empty prompt would be paid for."""


def retry_failed(
    companies: Sequence[int],
    context: PipelineContext,
    now: datetime,
    strategies: Strategies = ALL_STRATEGIES,
) -> StageReport:
    """Claim each company's oldest failed requests, ask them in parallel, store the answers."""
    lease = Lease(now)
    claimed = _claim(companies, context, lease)
    report = StageReport(STAGE)
    if not claimed:
        return report
    settling = Settling(STAGE, RequestStatus.RETRY_IN_PROGRESS, context.policy, now)
    breaker, limit = StageBreaker(context.events, CHAT_PATIENCE), context.policy.concurrent_companies
    with living_session(context.engine, lease) as session:
        questions = _questions(session, claimed, lease)
        answers = in_parallel(lambda asked: _ask(asked, context, breaker), questions, limit)
        for portion in _portions(answers, _at_a_time(ANSWERS_AT_A_TIME, claimed)):
            with context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for together in written_together(portion, strategies.writing):
                    report = report.plus(settle(connection, together, settling))
    return report


def _claim(companies: Sequence[int], context: PipelineContext, lease: Lease) -> Sequence[int]:
    parameters = {
        "companies": list(companies),
        "per_company": context.policy.retries_per_company,
        "attempts_max": context.policy.attempts_max,
        "interrupted": INTERRUPTED,
        **lease.parameters(context.policy.claim_lease),
    }
    rows = rows_of(context.engine, statements.CLAIM_FAILED_REQUESTS, parameters)
    return sorted(row.id for row in rows if row.status == RequestStatus.RETRY_IN_PROGRESS)


def _at_a_time(least: int, claimed: Sequence[int]) -> int:
    return max(least, -(-len(claimed) // PARTS))


def _questions(session: Connection, claimed: Sequence[int], lease: Lease) -> Iterator[RetryPrompt]:
    """A few at a time, so that neither their texts nor a transaction are kept while the API answers.

    All rows of a statement have come when it ends, and are gone before the next; each becomes text, of up to
    four bytes a character, only when it is asked.
    """
    at_a_time = _at_a_time(PROMPTS_AT_A_TIME, claimed)
    for start in range(0, len(claimed), at_a_time):
        ids = claimed[start : start + at_a_time]
        for row in session.execute(statements.RETRY_PROMPTS, {"ids": ids, "token": lease.by}):
            request_id, model, processing_type, transcript = row
            prompt = Prompt(model, ProcessingType(processing_type), transcript or "")
            yield RetryPrompt(request_id, prompt, is_silent=transcript is None)


def _ask(question: RetryPrompt, context: PipelineContext, breaker: StageBreaker) -> Settlement:
    if breaker.is_open:
        return settlement(question.request_id, None, HELD)
    if question.is_silent:
        return settlement(question.request_id, None, NOTHING_TO_ASK)
    prompt = question.prompt
    try:
        completion = context.api.complete(prompt.body())
    except ApiError as error:
        breaker.count(error)
        return settlement(question.request_id, None, outcome_of_refusal(error))
    breaker.succeeded()
    outcome = outcome_of_answer(prompt.processing_type, prompt.model, PriceFactor.ALONE, completion)
    return settlement(question.request_id, None, outcome)


def _portions(answers: Iterable[Settlement], at_a_time: int) -> Iterator[list[Settlement]]:
    """A few at a time; those that were given before something broke are not lost with it."""
    portion: list[Settlement] = []
    try:
        for answer in answers:
            portion.append(answer)
            if len(portion) >= at_a_time:
                yield portion
                portion = []
    except Exception:
        if portion:
            yield portion
        raise
    if portion:
        yield portion
