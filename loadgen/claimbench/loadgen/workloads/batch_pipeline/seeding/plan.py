"""What is seeded, as values: which companies, sessions, requests and batches there are, and when.

All chance comes from `random.Random` seeded with text, whose sequence is the same on every machine and Python
version; each concern draws from its own, so that a change of one leaves the others as they are.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from claimbench.impl.statuses import ProcessingType
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding.sizes import failed_count, zipf_sizes
from claimbench.scenarios.model import BatchDataset

PENDING_SPAN = timedelta(minutes=60)
FAILED_SPAN = timedelta(hours=2)
HISTORY_SPAN = timedelta(days=30)
BATCH_MAX = 100
INACTIVE_PER_ACTIVE = 0.1
TWO_REQUESTS = 0.3
"""The share of sessions with a second request, as far as the company's number allows."""

MODELS = ("gpt-4o-mini", "gpt-4.1-mini")
MODEL_WEIGHTS = (85, 15)
TYPES = tuple(ProcessingType)
TYPE_WEIGHTS = (30, 25, 25, 20)


class Era(Enum):
    """What a session's requests are: done long ago, failed a while ago, or waiting."""

    HISTORY = "history"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class CompanyPlan:
    """One company and the numbers of its requests."""

    id: int
    active: bool
    pending: int
    failed: int
    history: int


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
class BatchPlan:
    """A batch of the past that has ended: all its requests are history or failed."""

    company_id: int
    model: str
    created_at: datetime
    has_failures: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything but the texts. The position in a tuple plus one is the id."""

    companies: tuple[CompanyPlan, ...]
    sessions: tuple[SessionPlan, ...]
    batches: tuple[BatchPlan, ...]
    batch_of_session: tuple[int | None, ...]
    """For each session the id of its batch; the sessions of the past have one request each."""


def chance(dataset: BatchDataset, concern: str) -> random.Random:
    """The source of chance of one concern."""
    return random.Random(f"{dataset.seed}/{concern}")  # noqa: S311 (data, not secrets)


def make_plan(dataset: BatchDataset, companies: int) -> Plan:
    """Plan a dataset with `companies` active companies, and about a tenth as many inactive ones."""
    planned = _companies(dataset, companies)
    sessions = tuple(
        session for era in Era for session in _sessions(dataset, planned, era)
    )  # eras are in order of time, so ids are too
    batches, batch_of_session = _batches(sessions)
    return Plan(planned, sessions, batches, batch_of_session)


def _companies(dataset: BatchDataset, active: int) -> tuple[CompanyPlan, ...]:
    draw = chance(dataset, "companies")
    inactive = max(1, round(active * INACTIVE_PER_ACTIVE))
    sizes = list(zipf_sizes(active, active * dataset.requests_per_company, dataset.skew))
    draw.shuffle(sizes)
    idle = set(draw.sample(range(active + inactive), inactive))
    dealt = iter(sizes)
    planned = []
    for position in range(active + inactive):
        is_idle = position in idle
        pending = max(1, dataset.requests_per_company // 2) if is_idle else next(dealt)
        failed = failed_count(pending, draw.random())
        planned.append(CompanyPlan(position + 1, not is_idle, pending, failed, dataset.history_per_company))
    return tuple(planned)


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
