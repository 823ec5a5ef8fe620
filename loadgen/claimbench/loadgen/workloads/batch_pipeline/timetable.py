"""The timetable of the document's scheduler, and what a cache does at it and at others."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from claimbench.impl.company_cache import CacheCounts
from claimbench.impl.ports import INTERVALS, Stage

MINUTE = timedelta(minutes=1)


def timetable(
    duration: timedelta, intervals: Mapping[Stage, timedelta] = INTERVALS
) -> Iterator[tuple[timedelta, Stage]]:
    """When the document's scheduler calls which stage, from the start up to `duration`, in order."""
    for tick in range(duration // MINUTE):
        for stage, interval in intervals.items():
            if (tick * MINUTE) % interval == timedelta(0):
                yield tick * MINUTE, stage


def cache_use(calls: Iterable[tuple[timedelta, Stage]], life: timedelta) -> CacheCounts:
    """Hits and misses where each call looks once, after the first look, which fills the cache."""
    hits, misses, loaded = 0, 0, None
    for offset, _ in calls:
        if loaded is None:
            loaded = offset
        elif offset - loaded < life:
            hits += 1
        else:
            misses, loaded = misses + 1, offset
    return CacheCounts(hits, misses)


def arithmetic_of_hits(duration: timedelta, life: timedelta) -> str:
    """The rate of hits as a formula, for the document's timetable and for others that it could have meant."""
    every = ", ".join(f"{interval // MINUTE}" for interval in INTERVALS.values())
    timetables = {
        f"stages come every {every} min": INTERVALS,
        "all stages come each minute": dict.fromkeys(INTERVALS, MINUTE),
        "whole runs come every 10 min": dict.fromkeys(INTERVALS, 10 * MINUTE),
    }
    told = []
    for words, intervals in timetables.items():
        use = cache_use(timetable(duration, intervals), life)
        rate = f"{100 * (use.hit_rate or 0):.1f} %"
        told.append(f"{rate} ({use.hits} of {use.hits + use.misses}) where {words}")
    formula = f"in {duration // MINUTE} min, with entries that live {life // MINUTE} min, hits / look-ups are"
    return f"{formula} {'; '.join(told)}"
