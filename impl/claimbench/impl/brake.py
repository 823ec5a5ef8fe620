"""A stage stops calling the API once the API has said that it takes no more from us for now."""

import threading

from claimbench.impl.errors import ApiError, Blame
from claimbench.impl.events import Event, EventKind, EventSink

CHAT_PATIENCE = 5
"""Rate limits of chats are per model and minute: one of them says little about the next request."""


class Brake:
    """Pulled by a failure that is the caller's; safe in threads. One for each stage of each run.

    patience: how many rate limits it takes; a refused key, a used-up quota or an open breaker pull at once.
    """

    def __init__(self, events: EventSink, patience: int = 1) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._patience = patience

    @property
    def is_pulled(self) -> bool:
        """Whether to make no more calls in this stage."""
        return self._patience <= 0

    def feel(self, error: ApiError) -> None:
        """Tell about a failed call, and stop the others if they would fail alike."""
        self._events(Event(EventKind.API_ERROR, str(error)))
        if error.blame is not Blame.CALLER:
            return
        with self._lock:
            was_pulled = self.is_pulled
            self._patience = self._patience - 1 if error.is_rate_limit else 0
            pulled_now = self.is_pulled and not was_pulled
        if pulled_now:
            self._events(Event(EventKind.HELD_BACK, str(error)))
