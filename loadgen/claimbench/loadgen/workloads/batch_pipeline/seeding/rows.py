"""The rows of each table, from a plan: generators, so that a million rows need no memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from claimbench.impl.prices import PriceFactor, cost_usd
from claimbench.impl.statuses import BatchStatus, CompanyStatus, ProcessingType, RequestStatus
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding.plan import BatchPlan, Era, Plan, SessionPlan, chance
from claimbench.loadgen.workloads.batch_pipeline.seeding.pools import LOCALE_WEIGHTS, Pools
from claimbench.scenarios.grammar import IntegerRange
from claimbench.scenarios.model import BatchDataset

Row = tuple[object, ...]
"""The values of one row, in the order of its table's columns."""

HISTORY_MESSAGES = IntegerRange(2, 2)
HISTORY_CHARACTERS = IntegerRange(20, 60)
SENTIMENTS = ("positive", "neutral", "negative")
CATEGORIES = ("billing", "delivery", "account", "product", "complaint", "other")
FAILURE = "server_error: the model gave no answer"
BATCH_TAKES = timedelta(minutes=20)
"""Shorter than the pending requests' hour, so that every batch of the past has ended before the epoch."""


@dataclass(frozen=True, slots=True)
class Seed:
    """All that rows are made of."""

    dataset: BatchDataset
    plan: Plan
    pools: Pools


def company_rows(seed: Seed) -> Iterator[Row]:
    """id, name, status, created_at."""
    draw = chance(seed.dataset, "names")
    for company in seed.plan.companies:
        status = CompanyStatus.ACTIVE if company.active else CompanyStatus.INACTIVE
        name = f"{draw.choice(seed.pools.names)} {company.id}"
        yield company.id, name, status.value, EPOCH - timedelta(days=400 + draw.randrange(1000))


def session_rows(seed: Seed) -> Iterator[Row]:
    """id, company_id, started_at, summary, sentiment, category, language.

    The last four as far as answered.
    """
    draw = chance(seed.dataset, "answers")
    for number, session in enumerate(seed.plan.sessions, start=1):
        started_at = session.requested_at - timedelta(minutes=5 + draw.randrange(55))
        asked = session.asks[0].processing_type if session.era is Era.HISTORY else None
        whole = asked is ProcessingType.FULL_ANALYSIS
        summary = "The customer asked and was answered."
        yield (
            number,
            session.company_id,
            started_at,
            summary if whole or asked is ProcessingType.SUMMARY else None,
            draw.choice(SENTIMENTS) if whole or asked is ProcessingType.SENTIMENT_ANALYSIS else None,
            draw.choice(CATEGORIES) if whole or asked is ProcessingType.CATEGORIZATION else None,
            draw.choice(seed.pools.languages) if whole else None,
        )


def message_rows(seed: Seed) -> Iterator[Row]:
    """id, session_id, position, role, content.

    Roles alternate, the user begins, a session keeps its language.
    """
    draw = chance(seed.dataset, "messages")
    random, weights = draw.random, tuple(accumulate(LOCALE_WEIGHTS))
    number = 0
    for session_id, session in enumerate(seed.plan.sessions, start=1):
        text = draw.choices(seed.pools.texts, cum_weights=weights)[0]
        characters = _characters(seed.dataset, session)
        span = characters.high - characters.low + 1
        starts = len(text) - characters.high
        for position in range(_messages(seed.dataset, session, random())):
            number += 1
            start = int(random() * starts)
            length = characters.low + int(random() * span)
            role = "assistant" if position % 2 else "user"
            yield number, session_id, position, role, text[start : start + length]


def batch_rows(seed: Seed) -> Iterator[Row]:
    """id, company_id, model, key, status, outcome, the API's id and time, three files, error, claim, times.

    The API's time stays unknown: the clock of an API that comes later may be behind it.
    """
    for number, batch in enumerate(seed.plan.batches, start=1):
        digest = hashlib.sha256(f"{seed.dataset.seed}/batch/{number}".encode()).hexdigest()
        error_file_id = f"file-e{digest[:20]}" if batch.has_failures else None
        ended_at = _ended_at(batch)
        yield (
            *(number, batch.company_id, batch.model, digest[:32]),
            *(BatchStatus.PROCESSED.value, BatchStatus.COMPLETED.value),
            *(f"batch_{digest[:24]}", None),
            *(f"file-i{digest[:20]}", f"file-o{digest[:20]}", error_file_id),
            *(None, None, None, batch.created_at, ended_at, ended_at + timedelta(minutes=1)),
        )


def request_rows(seed: Seed) -> Iterator[Row]:
    """id, session_id, model, type, status, batch_id, attempts, tokens, cost, error, times and claim."""
    draw = chance(seed.dataset, "usage")
    unclaimed = (None, None)
    number = 0
    for session_id, session in enumerate(seed.plan.sessions, start=1):
        batch_id = seed.plan.batch_of_session[session_id - 1]
        for ask in session.asks:
            number += 1
            head = (number, session_id, ask.model, ask.processing_type.value)
            if batch_id is None:
                state: Row = (RequestStatus.PENDING_BATCHING.value, None, 0, None, None, None, None)
                yield (*head, *state, session.requested_at, *unclaimed, None)
                continue
            processed_at = _ended_at(seed.plan.batches[batch_id - 1]) + timedelta(minutes=1)
            if session.era is Era.FAILED:
                state = (RequestStatus.PROCESSING_FAILED.value, batch_id, 1, None, None, None, FAILURE)
                yield (*head, *state, session.requested_at, *unclaimed, None)
                continue
            usage = (80 + draw.randrange(400), 10 + draw.randrange(60))
            cost = cost_usd(ask.model, PriceFactor.BATCH, *usage)
            state = (RequestStatus.PROCESSING_COMPLETE.value, batch_id, 1, *usage, cost, None)
            yield (*head, *state, session.requested_at, *unclaimed, processed_at)


def _ended_at(batch: BatchPlan) -> datetime:
    return batch.created_at + BATCH_TAKES


def _messages(dataset: BatchDataset, session: SessionPlan, fraction: float) -> int:
    wanted = HISTORY_MESSAGES if session.era is Era.HISTORY else dataset.messages_per_session
    return wanted.low + int(fraction * (wanted.high - wanted.low + 1))


def _characters(dataset: BatchDataset, session: SessionPlan) -> IntegerRange:
    return HISTORY_CHARACTERS if session.era is Era.HISTORY else dataset.characters_per_message
