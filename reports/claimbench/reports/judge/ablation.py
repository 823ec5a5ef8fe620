"""Strategies alone and left out, and time as a line over round-trip times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claimbench.reports.record.scale import ScaleRecord, Turned

ALL, NONE = "all", "none"


@dataclass(frozen=True, slots=True)
class Variant:
    """Which strategies are left out, and what a report calls that."""

    name: str
    off: tuple[str, ...]


def variants(strategies: tuple[str, ...]) -> tuple[Variant, ...]:
    """None of them, each alone, each left out, and all."""
    return (
        Variant(NONE, strategies),
        *(Variant(f"only {name}", tuple(o for o in strategies if o != name)) for name in strategies),
        *(Variant(f"without {name}", (name,)) for name in strategies),
        Variant(ALL, ()),
    )


@dataclass(frozen=True, slots=True)
class Ablated:
    """A variant: round trips, peak memory, and seconds at each round-trip time that was taken."""

    name: str
    round_trips: int
    row_bytes: int
    peak_memory_bytes: int
    seconds: tuple[tuple[float, float], ...]
    """(round-trip time in ms, seconds)"""


def ablated(record: ScaleRecord) -> tuple[Ablated, ...]:
    """In the order in which they were taken."""
    turns = [turn for turn in record.turns if turn.part == "ablation"]
    found = []
    for name in dict.fromkeys(turn.variant for turn in turns):
        own = [turn for turn in turns if turn.variant == name]
        counted = next((turn for turn in own if turn.total("round_trips") is not None), None)
        timed = [turn for turn in own if turn is not counted]
        if counted is not None and timed:
            found.append(
                Ablated(
                    name,
                    counted.total("round_trips") or 0,
                    counted.total("row_bytes") or 0,
                    min(turn.peak_memory_bytes for turn in timed),
                    tuple((round(turn.rtt_ms, 1), turn.seconds) for turn in timed),
                )
            )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class TimeLine:
    """time = base_s + trips · round-trip time, of one arm, beside the round trips that were counted."""

    arm: str
    base_s: float
    trips: float
    counted: int
    turns: tuple[Turned, ...]

    @property
    def ratio(self) -> float:
        """1 where time grows by exactly what was counted."""
        return self.trips / self.counted if self.counted else 0.0

    def at(self, rtt_ms: float) -> float:
        """Seconds at this round-trip time."""
        return self.base_s + self.trips * rtt_ms / 1000


def time_lines(record: ScaleRecord) -> tuple[TimeLine, ...]:
    """Least squares over all turns of each arm that were taken at several round-trip times."""
    found = []
    for arm in record.arms:
        own = [turn for turn in record.turns if turn.part == "round_trip_times" and turn.arm == arm]
        counted = next((turn.total("round_trips") for turn in own if turn.total("round_trips")), None)
        timed = tuple(turn for turn in own if turn.total("round_trips") is None)
        if counted and len({turn.rtt_ms for turn in timed}) > 1:
            base_s, trips = _line([turn.rtt_ms / 1000 for turn in timed], [turn.seconds for turn in timed])
            found.append(TimeLine(arm, base_s, trips, counted, timed))
    return tuple(found)


def _line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    slope, base = np.polyfit(np.asarray(x), np.asarray(y), 1)
    return float(base), float(slope)


def crossing_ms(lines: Sequence[TimeLine]) -> float | None:
    """The round-trip time at which two arms take equally long; None where that is at no positive one."""
    if len(lines) != 2 or lines[0].trips == lines[1].trips:
        return None
    first, second = lines
    at = 1000 * (second.base_s - first.base_s) / (first.trips - second.trips)
    return at if at > 0 else None
