"""A circuit breaker: after some failures in a row its calls are refused for a while, then one is let through.

Written here because the library of the field holds one lock for the whole of each call, which would send
the calls of a parallel pipeline one after the other (see docs/decisions/0006-the-breaker-is-our-own.md).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from claimbench.impl.errors import ApiError, Blame
from claimbench.impl.events import Event, EventKind, EventSink


class BreakerState(StrEnum):
    """Closed: calls are made. Open: they are refused. Half open: one is on trial, the others are refused."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """One breaker, by the kind of call that it guards; `opens_in_s` until a trial is let through."""

    name: str
    state: BreakerState
    failures: int
    opens_in_s: float


class Breaker:
    """Safe in threads; holds no lock while a call is made. `ticks` gives seconds that never go back."""

    def __init__(self, name: str, failures_max: int, open_s: float, ticks: Callable[[], float]) -> None:
        self._name, self._failures_max, self._open_s, self._ticks = name, failures_max, open_s, ticks
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._trial_since: float | None = None

    def allows(self) -> bool:
        """Whether to make the next call; asking takes the one trial of a breaker that was open long enough.

        A trial that never came back is given up after the same time.
        """
        with self._lock:
            if self._opened_at is None:
                return True
            now = self._ticks()
            busy = self._trial_since is not None and now - self._trial_since < self._open_s
            if busy or now - self._opened_at < self._open_s:
                return False
            self._trial_since = now
            return True

    def succeeded(self) -> bool:
        """A call went well; whether that closed the breaker."""
        with self._lock:
            was_open = self._opened_at is not None
            self._failures, self._opened_at, self._trial_since = 0, None, None
            return was_open

    def failed(self) -> bool:
        """A call failed in a way that counts; whether that opened the breaker."""
        with self._lock:
            self._failures += 1
            on_trial, was_open = self._trial_since is not None, self._opened_at is not None
            if on_trial or self._failures >= self._failures_max:
                self._opened_at, self._trial_since = self._ticks(), None
            return self._opened_at is not None and not was_open

    def status(self) -> BreakerStatus:
        """How it is now."""
        with self._lock:
            if self._opened_at is None:
                return BreakerStatus(self._name, BreakerState.CLOSED, self._failures, 0.0)
            left = max(0.0, self._opened_at + self._open_s - self._ticks())
            state = BreakerState.OPEN if self._trial_since is None else BreakerState.HALF_OPEN
            return BreakerStatus(self._name, state, self._failures, left)


CHAT_PATIENCE = 5
"""Rate limits of chats are per model and minute: one says little about the next request, five in a row do."""


class StageBreaker:
    """Opened by a failure that is the caller's, and open to the end of the stage's run; safe in threads.

    patience: so many rate limits in a row it takes; a refused key, used-up quota or open breaker is enough.
    """

    def __init__(self, events: EventSink, patience: int = 1) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._patience = self._left = patience

    @property
    def is_open(self) -> bool:
        """Whether to make no more calls in this stage."""
        return self._left <= 0

    def succeeded(self) -> None:
        """Tell about a call that went well: rate limits are counted anew, unless there were too many."""
        with self._lock:
            if not self.is_open:
                self._left = self._patience

    def count(self, error: ApiError) -> None:
        """Tell about a failed call, and stop the others if they would fail alike."""
        self._events(Event(EventKind.API_ERROR, str(error)))
        if error.blame is not Blame.CALLER:
            return
        with self._lock:
            was_open = self.is_open
            self._left = self._left - 1 if error.is_rate_limit else 0
            opens_now = self.is_open and not was_open
        if opens_now:
            self._events(Event(EventKind.HELD_BACK, str(error)))
