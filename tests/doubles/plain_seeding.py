"""What is seeded, row by row with `random.Random`: the slow program that defines the quick one's rows."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from claimbench.impl.prices import PriceFactor, cost_usd
from claimbench.impl.statuses import BatchStatus, CompanyStatus, ProcessingType, RequestStatus
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding.plan import (
    BATCH_MAX,
    FAILED_SPAN,
    HISTORY_SPAN,
    MODEL_WEIGHTS,
    MODELS,
    PENDING_SPAN,
    TWO_REQUESTS,
    TYPE_WEIGHTS,
    TYPES,
    BatchPlan,
    CompanyPlan,
    Era,
    plan_companies,
)
from claimbench.loadgen.workloads.batch_pipeline.seeding.pools import LOCALE_WEIGHTS, Pools, make_pools
from claimbench.loadgen.workloads.batch_pipeline.seeding.rows import (
    BATCH_TAKES,
    CATEGORIES,
    FAILURE,
    HISTORY_CHARACTERS,
    HISTORY_MESSAGES,
    SENTIMENTS,
    Row,
)
from claimbench.scenarios.grammar import IntegerRange
from claimbench.scenarios.model import BatchDataset


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: what is asked of which model."""

    processing_type: ProcessingType
    model: str


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """One session, when its requests were made, and what they ask; ids are given by position."""

    company_id: int
    era: Era
    requested_at: datetime
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class PlainPlan:
    """Everything but the texts. The position in a tuple plus one is the id."""

    companies: tuple[CompanyPlan, ...]
    sessions: tuple[SessionPlan, ...]
    batches: tuple[BatchPlan, ...]
    batch_of_session: tuple[int | None, ...]
    """For each session the id of its batch; the sessions of the past have one request each."""


def chance(dataset: BatchDataset, concern: str) -> random.Random:
    """The source of chance of one concern."""
    return random.Random(f"{dataset.seed}/{concern}")  # noqa: S311 (data, not secrets)


def make_plan(dataset: BatchDataset, companies: int) -> PlainPlan:
    """Plan a dataset with `companies` active companies, and about a tenth as many inactive ones."""
    planned = plan_companies(dataset, companies)
    sessions = tuple(
        session for era in Era for session in _sessions(dataset, planned, era)
    )  # eras are in order of time, so ids are too
    batches, batch_of_session = _batches(sessions)
    return PlainPlan(planned, sessions, batches, batch_of_session)


def _sessions(dataset: BatchDataset, companies: Sequence[CompanyPlan], era: Era) -> Iterator[SessionPlan]:
    """The sessions of an era in order of time, the companies mixed as they are in real life."""
    draw = chance(dataset, f"sessions/{era.value}")
    owners: list[int] = []
    sizes: list[int] = []
    for company in companies:
        counts = _requests_of_sessions(draw, company, era)
        owners += [company.id] * len(counts)
        sizes += counts
    order = list(range(len(owners)))
    draw.shuffle(order)
    for place, index in enumerate(order):
        moment = _moment(era, (place + draw.random()) / len(order))
        yield SessionPlan(owners[index], era, moment, _asks(draw, sizes[index]))


def _requests_of_sessions(draw: random.Random, company: CompanyPlan, era: Era) -> list[int]:
    if era is Era.HISTORY:
        return [1] * company.history
    if era is Era.FAILED:
        return [1] * company.failed
    counts: list[int] = []
    left = company.pending
    while left:
        counts.append(2 if left > 1 and draw.random() < TWO_REQUESTS else 1)
        left -= counts[-1]
    return counts


def _moment(era: Era, fraction: float) -> datetime:
    if era is Era.PENDING:
        return EPOCH - PENDING_SPAN + PENDING_SPAN * fraction
    if era is Era.FAILED:
        return EPOCH - PENDING_SPAN - FAILED_SPAN + FAILED_SPAN * fraction
    return EPOCH - PENDING_SPAN - FAILED_SPAN - HISTORY_SPAN + HISTORY_SPAN * fraction


def _asks(draw: random.Random, count: int) -> tuple[Ask, ...]:
    """One or two different requests: no session is asked the same thing of the same model twice."""
    first = Ask(draw.choices(TYPES, TYPE_WEIGHTS)[0], draw.choices(MODELS, MODEL_WEIGHTS)[0])
    if count == 1:
        return (first,)
    second = first
    while second == first:
        second = Ask(draw.choices(TYPES, TYPE_WEIGHTS)[0], draw.choices(MODELS, MODEL_WEIGHTS)[0])
    return (first, second)


def _batches(sessions: Sequence[SessionPlan]) -> tuple[tuple[BatchPlan, ...], tuple[int | None, ...]]:
    """Put the requests of the past into batches: per company and model, in order of time, up to a limit."""
    waiting: dict[tuple[int, str], list[int]] = defaultdict(list)
    groups: list[list[int]] = []
    for index, session in enumerate(sessions):
        if session.era is Era.PENDING:
            continue
        group = waiting[session.company_id, session.asks[0].model]
        group.append(index)
        if len(group) == BATCH_MAX:
            groups.append(waiting.pop((session.company_id, session.asks[0].model)))
    groups += waiting.values()
    groups.sort(key=lambda group: group[-1])
    batch_of_session: list[int | None] = [None] * len(sessions)
    for number, group in enumerate(groups, start=1):
        for index in group:
            batch_of_session[index] = number
    return tuple(_batch(sessions, group) for group in groups), tuple(batch_of_session)


def _batch(sessions: Sequence[SessionPlan], group: Sequence[int]) -> BatchPlan:
    last = sessions[group[-1]]
    has_failures = any(sessions[index].era is Era.FAILED for index in group)
    return BatchPlan(last.company_id, last.asks[0].model, last.requested_at, has_failures)


@dataclass(frozen=True, slots=True)
class PlainSeed:
    """All that rows are made of."""

    dataset: BatchDataset
    plan: PlainPlan
    pools: Pools


def company_rows(seed: PlainSeed) -> Iterator[Row]:
    """id, name, status, created_at."""
    draw = chance(seed.dataset, "names")
    for company in seed.plan.companies:
        status = CompanyStatus.ACTIVE if company.active else CompanyStatus.INACTIVE
        name = f"{draw.choice(seed.pools.names)} {company.id}"
        yield company.id, name, status.value, EPOCH - timedelta(days=400 + draw.randrange(1000))


def session_rows(seed: PlainSeed) -> Iterator[Row]:
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


def message_rows(seed: PlainSeed) -> Iterator[Row]:
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


def batch_rows(seed: PlainSeed) -> Iterator[Row]:
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
            *(None, None, None, None, None, batch.created_at, ended_at, ended_at + timedelta(minutes=1)),
        )


def request_rows(seed: PlainSeed) -> Iterator[Row]:
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


def make_seed(dataset: BatchDataset, companies: int) -> PlainSeed:
    longest = max(dataset.characters_per_message.high, HISTORY_CHARACTERS.high)
    return PlainSeed(dataset, make_plan(dataset, companies), make_pools(dataset.seed, longest=longest))


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table, the types of its columns, and what makes its rows."""

    name: str
    types: tuple[str, ...]
    rows: Callable[[PlainSeed], Iterator[Row]]


_CLAIM = ("timestamptz", "uuid")

TABLES = (
    PlainTable("company", ("int8", "text", "text", "timestamptz"), company_rows),
    PlainTable("session", ("int8", "int8", "timestamptz", *("text",) * 4), session_rows),
    PlainTable("message", ("int8", "int8", "int4", "text", "text"), message_rows),
    PlainTable(
        "ai_batch_request",
        (
            "int8",
            "int8",
            *("text",) * 5,
            "int8",
            *("text",) * 3,
            "int4",
            "int8",
            "text",
            *_CLAIM,
            *("timestamptz",) * 3,
        ),
        batch_rows,
    ),
    PlainTable(
        "ai_processing_request",
        (
            *("int8", "int8", "text", "text", "text", "int8", "int4", "int4", "int4", "numeric", "text"),
            *("timestamptz", *_CLAIM, "timestamptz"),
        ),
        request_rows,
    ),
)
