"""How long the queue was over the last minutes, as a curve for the page."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 600, 80
SPAN = timedelta(minutes=10)
KEPT = 600


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of an SVG polyline in a box of 600 by 80, from `since` to now; `most` is at the top."""

    since: datetime
    points: str
    most: int
    spoken: str


@dataclass(frozen=True, slots=True)
class _Sample:
    at: datetime
    waiting: int


class Trend:
    """Remembers the length of the queue; threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: deque[_Sample] = deque(maxlen=KEPT)

    def add(self, at: datetime, waiting: int) -> None:
        """Remember one more; the same moment counts once."""
        with self._lock:
            if not self._samples or at > self._samples[-1].at:
                self._samples.append(_Sample(at, waiting))

    def curve(self, now: datetime) -> Curve:
        """At most the last ten minutes, the present at the right edge."""
        with self._lock:
            samples = [sample for sample in self._samples if now - sample.at <= SPAN]
        if not samples:
            return Curve(now, "", 0, "nothing has been counted yet")
        span = max(now - samples[0].at, timedelta(seconds=1))
        most = max(sample.waiting for sample in samples)
        points = " ".join(
            f"{WIDTH * (1 - (now - sample.at) / span):.1f},"
            f"{HEIGHT - (HEIGHT - 4) * sample.waiting / max(most, 1) - 2:.1f}"
            for sample in samples
        )
        spoken = f"from {samples[0].waiting:,} to {samples[-1].waiting:,}, at most {most:,}"
        return Curve(samples[0].at, points, most, spoken)
