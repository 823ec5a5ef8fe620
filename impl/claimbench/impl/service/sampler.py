"""Takes the figures in the background: what happened while nobody looked is shown to who looks later."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from claimbench.impl.service.activity import Observer
from claimbench.impl.service.operations_log import Level
from claimbench.impl.service.overview import Overviews
from claimbench.impl.service.trend import Trend

EVERY_S = 2.0
SHARE_MAX = 0.05
"""Counting a long queue takes long; however long, it is no more than this share of the time."""
_log = logging.getLogger(__name__)


class Sampler:
    """Start it, and stop it."""

    def __init__(
        self, overviews: Overviews, trend: Trend, observer: Observer, beside: Callable[[], None]
    ) -> None:
        self._overviews, self._trend, self._observer = overviews, trend, observer
        self._beside = beside
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="claimbench-sampler", daemon=True)

    def start(self) -> None:
        """Take the first sample now, and the others from a thread."""
        self.sample()
        self._thread.start()

    def stop(self) -> None:
        """Take no more."""
        self._ends.set()
        self._thread.join()

    def sample(self) -> None:
        """Take one; a database that is away leaves a gap, and no error ends the sampling."""
        served = self._observer.telemetry.served()
        for failure in served.failures:
            self._observer.operations_log.note("http", failure, level=Level.ERROR)
        try:
            self._trend.add(self._overviews.renew(), served)
            self._beside()
        except SQLAlchemyError as error:
            self._trend.miss(datetime.now(UTC), served)
            _log.warning("sampling: the database did not answer (%s)", type(error).__name__)
        except Exception:
            _log.exception("sampling failed")

    def _run(self) -> None:
        took_s = 0.0
        while not self._ends.wait(max(EVERY_S, took_s / SHARE_MAX)):
            began = time.monotonic()
            self.sample()
            took_s = time.monotonic() - began
