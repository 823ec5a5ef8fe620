"""Which pending requests become which batches: pure rules that every pipeline obeys."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from claimbench.impl.backing_off import BackOff
from claimbench.impl.ports import Policy


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
