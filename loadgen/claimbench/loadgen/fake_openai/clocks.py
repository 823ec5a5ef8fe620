"""The clocks that a server can run on."""

import math
import time
from enum import StrEnum

from claimbench.loadgen.fake_openai.wire import refuse


class ClockKind(StrEnum):
    """`real` shows real dates, though batches are worked on faster; `wall` lets dates themselves run faster.

    `manual` moves only when it is told to.
    """

    REAL = "real"
    WALL = "wall"
    MANUAL = "manual"


class ScaledClock:
    """Starts at the present and goes `speed` times as fast."""

    def __init__(self, speed: float, not_before: float = 0.0) -> None:
        self._speed = speed
        self._started_at, self._started = max(time.time(), not_before), time.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        return self._started_at + (time.monotonic() - self._started) * self._speed

    def set(self, unix_seconds: float) -> None:
        """Refused: this clock goes by itself."""
        raise refuse(409, f"Not set to {unix_seconds}: this clock goes by itself. Use --clock manual.")


class ManualClock:
    """Stands still until it is set."""

    def __init__(self, not_before: float = 0.0) -> None:
        self._now = max(float(int(time.time())), not_before)

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def set(self, unix_seconds: float) -> None:
        """Move it, forwards or backwards. Refused (400) for a moment that no calendar has."""
        if not (math.isfinite(unix_seconds) and 0 <= unix_seconds < 1e11):
            raise refuse(400, "The time must be Unix seconds, from 0 on.")
        self._now = unix_seconds
