"""What is seeded, in columns: which companies, sessions, requests and batches there are, and when.

All chance is that of `random.Random` seeded with text; each concern draws from its own, so that a change of
one leaves the others as they are. `tests/doubles/plain_seeding.py` says the same row by row.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

import numpy as np
import numpy.typing as npt

from claimbench.impl.statuses import ProcessingType
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding.draws import Draws, Floats, Integers, chosen
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
NO_ASK = 255
"""Stands where a session asks nothing more."""

POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From which PostgreSQL counts microseconds."""


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


@dataclass(frozen=True, eq=False)
class SessionColumns:
    """Sessions of one era, in order of time; ids follow each other from `first_id` on.

    `requested_at`: microseconds since 2000. `asks`: what is asked of which model (`ask_of`), `second_asks`
    the same or `NO_ASK`. `batch_ids`: of the batch that took them; 0 for none.
    """

    era: Era
    first_id: int
    company_ids: Integers
    requested_at: Integers
    asks: npt.NDArray[np.uint8]
    second_asks: npt.NDArray[np.uint8]
    batch_ids: Integers

    def __len__(self) -> int:
        return len(self.company_ids)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """A batch of the past that has ended: all its requests are history or failed."""

    company_id: int
    model: str
    created_at: datetime
    has_failures: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything but the texts. Companies and batches have their place plus one as their id."""

    companies: tuple[CompanyPlan, ...]
    sessions: tuple[SessionColumns, ...]
    batches: tuple[BatchPlan, ...]
    batched_at: Integers
    """When each batch was created, in microseconds since 2000, by its id; 0 is the id of none."""


def ask_of(code: int) -> tuple[ProcessingType, str]:
    """What is asked, and of which model."""
    return TYPES[code // len(MODELS)], MODELS[code % len(MODELS)]


def microseconds(moment: datetime) -> int:
    """Since 2000, as PostgreSQL stores it."""
    return (moment - POSTGRES_EPOCH) // timedelta(microseconds=1)


def chance(dataset: BatchDataset, concern: str) -> Draws:
    """The source of chance of one concern."""
    return Draws(f"{dataset.seed}/{concern}")


def make_plan(dataset: BatchDataset, companies: int) -> Plan:
    """Plan a dataset with `companies` active companies, and about a tenth as many inactive ones."""
    planned, sessions, first_id = plan_companies(dataset, companies), list[SessionColumns](), 1
    for era in Era:  # eras are in order of time, so ids are too
        sessions.append(_sessions(dataset, planned, era, first_id))
        first_id += len(sessions[-1])
    return _with_batches(planned, sessions)


def plan_companies(dataset: BatchDataset, active: int) -> tuple[CompanyPlan, ...]:
    """The companies, and how many requests of which era each has."""
    draw = random.Random(f"{dataset.seed}/companies")  # noqa: S311 (data, not secrets)
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


def _sessions(
    dataset: BatchDataset, companies: Sequence[CompanyPlan], era: Era, first_id: int
) -> SessionColumns:
    """The sessions of an era in order of time, the companies mixed as they are in real life."""
    draw = chance(dataset, f"sessions/{era.value}")
    if era is Era.PENDING:
        sizes, of_company = _pending_sizes(draw, [company.pending for company in companies])
    else:
        of_company = [getattr(company, era.value) for company in companies]
        sizes = np.ones(sum(of_company), dtype=np.uint8)
    owners = np.repeat([company.id for company in companies], of_company).astype(np.int64)
    order = draw.shuffled(len(owners))
    fractions, asks, second_asks = _asked(draw, sizes[order])
    moments = _moments(era, (np.arange(len(order)) + fractions) / max(1, len(order)))
    return SessionColumns(
        era, first_id, owners[order], moments, asks, second_asks, np.zeros(len(order), dtype=np.int64)
    )


def _pending_sizes(draw: Draws, pending: Sequence[int]) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Sessions of one or two requests, company by company, and how many sessions each company has.

    A company draws for each session until one request or none is left, which then has a session of its own.
    """
    steps = 1 + (draw.uniforms_ahead(sum(pending)) < TWO_REQUESTS).astype(np.uint8)
    reached, begin = np.cumsum(steps, dtype=np.int64), 0
    last, parts, counts = np.ones(1, dtype=np.uint8), list[npt.NDArray[np.uint8]](), list[int]()
    for wanted in pending:
        base = int(reached[begin - 1]) if begin else 0
        end = int(np.searchsorted(reached, base + wanted - 1)) + 1 if wanted > 1 else begin
        taken = int(reached[end - 1]) - base if end > begin else 0
        parts.append(steps[begin:end])
        if taken < wanted:
            parts.append(last)
        counts.append(end - begin + (taken < wanted))
        begin = end
    draw.skip_uniforms(begin)
    return np.concatenate(parts) if parts else last[:0], counts


def _asked(
    draw: Draws, sizes: npt.NDArray[np.uint8]
) -> tuple[Floats, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """For each session a fraction of its place in time and its one or two requests.

    No session is asked the same thing of the same model twice: a second request is drawn until it is another.
    """
    seconds = np.flatnonzero(sizes == 2)
    ahead = 3 * len(sizes) + 3 * len(seconds) + 64
    while True:
        uniforms = draw.uniforms_ahead(ahead)
        kinds, models = chosen(uniforms[:-1], TYPE_WEIGHTS), chosen(uniforms[1:], MODEL_WEIGHTS)
        asks = kinds * np.uint8(len(MODELS)) + models
        extra = _extra(asks, seconds)
        if extra is not None and 3 * len(sizes) + int(extra.sum()) <= ahead:
            break
        ahead *= 2
    used = np.zeros(len(sizes) + 1, dtype=np.int64)
    used[1:] = 3
    used[seconds + 1] += extra
    starts = np.cumsum(used)
    draw.skip_uniforms(int(starts[-1]))
    second_asks = np.full(len(sizes), NO_ASK, dtype=np.uint8)
    second_asks[seconds] = asks[starts[seconds + 1] - 2]
    return uniforms[starts[:-1]], asks[starts[:-1] + 1], second_asks


def _extra(asks: npt.NDArray[np.uint8], seconds: Integers) -> Integers | None:
    """How many more uniforms each session with two requests takes; None when there are too few of them."""
    takes, begin, extra = _until_another(asks), 1, list[int]()
    try:
        for gap in np.diff(3 * seconds, prepend=0).tolist():
            begin += gap
            extra.append(takes[begin])
            begin += takes[begin]
    except IndexError:
        return None
    return np.array(extra, dtype=np.int64) if begin + 1 < len(asks) else None


def _until_another(asks: npt.NDArray[np.uint8]) -> bytes:
    """For each place how much further on, two by two, something else is asked, or nothing is known."""
    takes, left = np.full(len(asks), 2, dtype=np.uint8), np.arange(len(asks) - 2)
    while len(left):
        left = left[asks[left + takes[left]] == asks[left]]
        takes[left] += 2
        left = left[left + takes[left] < len(asks)]
    return takes.tobytes()


_ENDS = {
    Era.PENDING: (EPOCH - PENDING_SPAN, PENDING_SPAN),
    Era.FAILED: (EPOCH - PENDING_SPAN - FAILED_SPAN, FAILED_SPAN),
    Era.HISTORY: (EPOCH - PENDING_SPAN - FAILED_SPAN - HISTORY_SPAN, HISTORY_SPAN),
}


def _moments(era: Era, fractions: Floats) -> Integers:
    """Moments of an era: where a product of floats lies at a half it is taken again, exactly."""
    begin, span = _ENDS[era]
    exact = fractions * (span / timedelta(microseconds=1))
    whole = np.rint(exact).astype(np.int64)
    for place in np.flatnonzero(np.abs(exact - np.floor(exact) - 0.5) < 0.01).tolist():
        whole[place] = (span * float(fractions[place])) // timedelta(microseconds=1)
    return whole + microseconds(begin)


def _with_batches(companies: tuple[CompanyPlan, ...], sessions: Sequence[SessionColumns]) -> Plan:
    """Put the requests of the past into batches: per company and model, in order of time, up to a limit."""
    history, failed, pending = sessions
    owners = np.concatenate([history.company_ids, failed.company_ids])
    models = np.concatenate([history.asks, failed.asks]) % len(MODELS)
    moments = np.concatenate([history.requested_at, failed.requested_at])
    group = owners * len(MODELS) + models
    order = np.argsort(group, kind="stable")
    begins = np.flatnonzero(np.diff(group[order], prepend=-1))
    within = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    heads = np.flatnonzero(within % BATCH_MAX == 0)
    tails = np.append(heads[1:], len(order))[: len(heads)] - 1
    by_time = np.argsort(order[tails])
    numbers = np.empty(len(heads), dtype=np.int64)
    numbers[by_time] = np.arange(1, len(heads) + 1)
    batch_ids = np.empty(len(order), dtype=np.int64)
    batch_ids[order] = np.repeat(numbers, np.diff(heads, append=len(order)))
    failures = set(batch_ids[len(history) :].tolist())
    lasts = order[tails][by_time]
    created = np.concatenate([np.zeros(1, dtype=np.int64), moments[lasts]])
    batches = tuple(
        BatchPlan(
            int(owners[last]),
            MODELS[int(models[last])],
            POSTGRES_EPOCH + timedelta(microseconds=int(moments[last])),
            number in failures,
        )
        for number, last in enumerate(lasts.tolist(), start=1)
    )
    past = (_taken(history, batch_ids[: len(history)]), _taken(failed, batch_ids[len(history) :]))
    return Plan(companies, (*past, pending), batches, created)


def _taken(columns: SessionColumns, batch_ids: Integers) -> SessionColumns:
    return SessionColumns(
        columns.era,
        columns.first_id,
        columns.company_ids,
        columns.requested_at,
        columns.asks,
        columns.second_asks,
        batch_ids,
    )
