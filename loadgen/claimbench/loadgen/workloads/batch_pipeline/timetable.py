"""The timetable of the document's scheduler."""

from collections.abc import Iterator
from datetime import timedelta

from claimbench.impl.ports import INTERVALS, Stage


def timetable(duration: timedelta) -> Iterator[tuple[timedelta, Stage]]:
    """When the document's scheduler calls which stage, from the start up to `duration`, in order."""
    minute = timedelta(minutes=1)
    for tick in range(duration // minute):
        for stage, interval in INTERVALS.items():
            if (tick * minute) % interval == timedelta(0):
                yield tick * minute, stage
