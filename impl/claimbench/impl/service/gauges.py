"""The state of queue, pool and workers, counted for scrapers."""

import threading
import time

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from claimbench.impl.queue_stats import queue_stats
from claimbench.impl.service.figures import WorkerState
from claimbench.impl.service.overview import Lookout
from claimbench.impl.service.telemetry import Telemetry

COUNTED_EVERY_S = 5.0


class Gauges:
    """Counts at most every five seconds, however many scrape."""

    def __init__(self, engine: Engine, lookout: Lookout, telemetry: Telemetry) -> None:
        self._engine, self._lookout, self._telemetry = engine, lookout, telemetry
        self._lock = threading.Lock()
        self._until = 0.0

    def update(self) -> None:
        """Set the gauges anew if they are old."""
        with self._lock:
            if time.monotonic() < self._until:
                return
            self._until = time.monotonic() + COUNTED_EVERY_S
        try:
            self._telemetry.queue(queue_stats(self._engine, None))
            workers = self._lookout.look().workers
        except SQLAlchemyError:
            return  # the other counters matter all the more when the database is away
        for state in WorkerState:
            self._telemetry.workers(state.value, sum(worker.scheduler.state is state for worker in workers))
