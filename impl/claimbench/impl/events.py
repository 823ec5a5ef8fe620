"""What a pipeline tells while it works: structured events, for probes, logs and monitoring."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """The kinds of event; the company cache's five come first."""

    CACHE_HIT = "cache_hit"
    CACHE_MISS = "cache_miss"
    CACHE_REFRESH = "cache_refresh"
    CACHE_INVALIDATION = "cache_invalidation"
    CACHE_EXPIRY = "cache_expiry"
    API_ERROR = "api_error"
    LINE_REJECTED = "line_rejected"
    LINE_MISSING = "line_missing"
    DATABASE_ERROR = "database_error"
    HELD_BACK = "held_back"
    SURPLUS_BATCH = "surplus_batch"
    API_RETRY = "api_retry"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    STAGE_DONE = "stage_done"
    STAGE_FAILED = "stage_failed"
    CHOICE = "choice"
    FALLBACK = "fallback"
    SWITCH = "switch"
    SCHEDULER_RESTS = "scheduler_rests"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, and to what."""

    kind: EventKind
    detail: str = ""


EventSink = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Listen to nothing."""


def surplus_batch(openai_batch_id: str) -> Event:
    """A batch at the API that no row names: two schedulers have submitted the same one."""
    return Event(EventKind.SURPLUS_BATCH, f"{openai_batch_id}: another scheduler has submitted it, too")
