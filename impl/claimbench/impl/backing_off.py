"""Waiting for a model that is at its limit: how long, and in how much smaller batches then."""

from dataclasses import dataclass
from datetime import datetime, timedelta

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
