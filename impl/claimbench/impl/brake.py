"""A stage stops calling the API once the API has said that it takes no more from us for now."""

import threading

from claimbench.impl.errors import ApiError, Blame
from claimbench.impl.events import Event, EventKind, EventSink


class Brake:
    """Pulled by the first failure that is the caller's; safe in threads. One for each stage of each run."""

    def __init__(self, events: EventSink) -> None:
        self._events = events
        self._pulled = threading.Event()

    @property
    def is_pulled(self) -> bool:
        """Whether to make no more calls in this stage."""
        return self._pulled.is_set()

    def feel(self, error: ApiError) -> None:
        """Tell about a failed call, and stop the others if they would fail alike."""
        self._events(Event(EventKind.API_ERROR, str(error)))
        if error.blame is Blame.CALLER and not self._pulled.is_set():
            self._pulled.set()
            self._events(Event(EventKind.HELD_BACK, str(error)))
