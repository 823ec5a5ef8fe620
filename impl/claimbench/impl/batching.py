"""Which pending requests become which batches: pure rules that every pipeline obeys."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from claimbench.impl.ports import Policy


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """As much of a pending request as the rules need."""

    id: int
    company_id: int
    model: str
    requested_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch to be made: one company, one model, its requests oldest first."""

    company_id: int
    model: str
    requests: tuple[PendingRequest, ...]

    @property
    def key(self) -> str:
        """What tells this batch from any other: its requests, each with the attempt it is at."""
        parts = ",".join(f"{request.id}:{request.attempts}" for request in self.requests)
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


def plan_batches(pending: Iterable[PendingRequest], policy: Policy, now: datetime) -> Iterator[PlannedBatch]:
    """Group by company and model, oldest first; a group is due when it is large or old enough."""
    ordered = sorted(pending, key=lambda r: (r.company_id, r.model, r.requested_at, r.id))
    for (company_id, model), members in groupby(ordered, key=lambda r: (r.company_id, r.model)):
        group = tuple(members)
        if _is_due(group, policy, now):
            for start in range(0, len(group), policy.requests_per_batch_max):
                chunk = group[start : start + policy.requests_per_batch_max]
                yield PlannedBatch(company_id, model, chunk)


def _is_due(group: Sequence[PendingRequest], policy: Policy, now: datetime) -> bool:
    many = len(group) >= policy.requests_per_batch_min
    return many or now - group[0].requested_at >= policy.pending_age_max
