"""Simulated time: stages and the fake API see the same clock, and nobody waits for it."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
"""Where the simulated clock starts; every seeded time lies before it."""


class SimulatedClock:
    """A `Clock` that stands still until it is advanced."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The simulated present."""
        return self._now

    def timestamp(self) -> float:
        """The simulated present in Unix seconds, as the fake API wants it."""
        return self._now.timestamp()

    def advance(self, step: timedelta) -> None:
        """Let time pass."""
        self._now += step
