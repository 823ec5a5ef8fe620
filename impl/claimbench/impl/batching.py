"""Which pending requests become which batches, and when a model at its limit waits: pure rules for all."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from claimbench.impl.ports import Policy

BACK_OFF_CODES = frozenset({"token_limit_exceeded", "rate_limit_exceeded"})
"""Reasons to wait that say nothing about the requests themselves."""

MEMORY = 6
"""Refusals are remembered for this many times the longest wait."""

_HALVINGS_MAX = 10


@dataclass(frozen=True, slots=True)
class BackOff:
    """The batches of a model that the API refused since it last took one, as it was at its limit.

    `refusals` counts the moments at which it did so, not the batches: many may fail at once. A batch that
    goes through ends it: otherwise smaller batches, being more, would be refused more often, and stay small.
    """

    refusals: int
    last_at: datetime

    def holds(self, policy: Policy, now: datetime) -> bool:
        """Whether to wait still: twice as long after each refusal, up to the policy's limit."""
        doublings = min(self.refusals - 1, _HALVINGS_MAX)
        wait = min(policy.back_off_min * (1 << doublings), policy.back_off_max)
        return timedelta(0) <= now - self.last_at < wait  # a clock that was set back must not hold for ever

    def requests_per_batch_max(self, policy: Policy, waiting: int) -> int:
        """Half as many after each refusal but the first: a batch may be above the limit all by itself."""
        whole = min(policy.requests_per_batch_max, waiting)
        return max(1, whole >> min(self.refusals - 1, _HALVINGS_MAX))


def remembered_since(policy: Policy, now: datetime) -> datetime:
    """Refusals before this moment are forgotten."""
    return now - MEMORY * policy.back_off_max


def is_back_off(batch_error: str | None) -> bool:
    """Whether a batch failed with a reason to wait."""
    return batch_error is not None and batch_error.split(":", 1)[0] in BACK_OFF_CODES


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """As much of a pending request as the rules need."""

    id: int
    company_id: int
    model: str
    requested_at: datetime
    attempts: int
    back_off: BackOff | None = None


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch to be made: one company, one model, its requests oldest first."""

    company_id: int
    model: str
    requests: tuple[PendingRequest, ...]
    planned_at: datetime

    @property
    def key(self) -> str:
        """What tells this batch from any other: its requests, each with the attempt it is at, and when."""
        return batch_key(((request.id, request.attempts) for request in self.requests), self.planned_at)


def batch_key(members: Iterable[tuple[int, int]], planned_at: datetime) -> str:
    """The key of a batch of these (request id, attempts), made at that time: 32 hexadecimal digits.

    The time belongs to it, because an attempt that was not the request's fault is not counted.
    """
    parts = ",".join(f"{request_id}:{attempts}" for request_id, attempts in members)
    return hashlib.sha256(f"{planned_at.isoformat()},{parts}".encode()).hexdigest()[:32]


def plan_batches(pending: Iterable[PendingRequest], policy: Policy, now: datetime) -> Iterator[PlannedBatch]:
    """Group by company and model, oldest first; a group is due when it is large or old enough.

    A model at its token limit waits, and goes on in smaller batches.
    """
    ordered = sorted(pending, key=lambda r: (r.company_id, r.model, r.requested_at, r.id))
    for (company_id, model), members in groupby(ordered, key=lambda r: (r.company_id, r.model)):
        group = tuple(members)
        back_off = group[0].back_off
        if (back_off and back_off.holds(policy, now)) or not _is_due(group, policy, now):
            continue
        size = policy.requests_per_batch_max
        if back_off:
            size = back_off.requests_per_batch_max(policy, len(group))
        for start in range(0, len(group), size):
            yield PlannedBatch(company_id, model, group[start : start + size], now)


def _is_due(group: Sequence[PendingRequest], policy: Policy, now: datetime) -> bool:
    """A time far in the future is a wrong one: it is as good a reason to go as one far in the past."""
    many = len(group) >= policy.requests_per_batch_min
    return many or abs(now - group[0].requested_at) >= policy.pending_age_max
