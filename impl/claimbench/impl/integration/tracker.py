"""Which path a stage should take, from what both paths did of late: measured, never assumed."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from claimbench.impl.ports import Stage
from claimbench.impl.stage_events import Path, Reason


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the tracker goes by. Samples leave the window by number and by age.

    `measure_every`: one stage run in so many takes the path that is not preferred, to know how it does.
    """

    window: int = 20
    window_age: timedelta = timedelta(hours=1)
    success_min: float = 0.9
    measure_every: int = 10


@dataclass(frozen=True, slots=True)
class PathRun:
    """One run of a stage on one path; `units` is the work that it took up, in requests or batches."""

    at: datetime
    seconds: float
    units: int
    ended_well: bool


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What is known of one path in one stage; None where nothing is."""

    samples: int
    success: float | None
    seconds_per_unit: float | None


@dataclass(frozen=True, slots=True)
class PathChoice:
    """The path to take, and why."""

    path: Path
    reason: Reason


class Tracker:
    """Safe in threads. Time is told by the caller, as a pipeline's is."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self._lock = threading.Lock()
        self._samples: dict[tuple[Stage, Path], deque[PathRun]] = {
            (stage, path): deque(maxlen=tracking.window) for stage in Stage for path in Path
        }
        self._since_measured = dict.fromkeys(Stage, 0)

    def record(self, stage: Stage, path: Path, sample: PathRun) -> None:
        """Remember how a run went."""
        with self._lock:
            self._samples[stage, path].append(sample)

    def choose(self, stage: Stage, now: datetime) -> PathChoice:
        """The path for the next run of a stage; now and then the one that is not preferred."""
        with self._lock:
            preferred = self._preferred(stage, now)
            self._since_measured[stage] += 1
            if self._since_measured[stage] < self._tracking.measure_every:
                return preferred
            self._since_measured[stage] = 0
            other = Path.ORIGINAL if preferred.path is Path.OPTIMIZED else Path.OPTIMIZED
            return PathChoice(other, Reason.MEASURING)

    def figures(self, stage: Stage, path: Path, now: datetime) -> PathFigures:
        """What is known of a path now."""
        with self._lock:
            return self._figures(stage, path, now)

    def _preferred(self, stage: Stage, now: datetime) -> PathChoice:
        """The optimized one unless it is known to be worse: what was never measured is no yardstick."""
        optimized = self._figures(stage, Path.OPTIMIZED, now)
        original = self._figures(stage, Path.ORIGINAL, now)
        if optimized.success is None:
            return PathChoice(Path.OPTIMIZED, Reason.NOT_YET_MEASURED)
        if optimized.success <= self._tracking.success_min and not _worse(original, optimized):
            return PathChoice(Path.ORIGINAL, Reason.UNRELIABLE)
        if original.seconds_per_unit is None or optimized.seconds_per_unit is None:
            return PathChoice(Path.OPTIMIZED, Reason.NOT_YET_MEASURED)
        if optimized.seconds_per_unit < original.seconds_per_unit:
            return PathChoice(Path.OPTIMIZED, Reason.FASTER)
        return PathChoice(Path.ORIGINAL, Reason.SLOWER)

    def _figures(self, stage: Stage, path: Path, now: datetime) -> PathFigures:
        age = self._tracking.window_age
        fresh = [one for one in self._samples[stage, path] if abs(now - one.at) <= age]
        if not fresh:
            return PathFigures(0, None, None)
        well = [one for one in fresh if one.ended_well]
        units = sum(max(1, one.units) for one in well)
        speed = sum(one.seconds for one in well) / units if well else None
        return PathFigures(len(fresh), len(well) / len(fresh), speed)


def _worse(original: PathFigures, optimized: PathFigures) -> bool:
    """Whether the other path succeeds even less: then there is nothing to flee to."""
    return original.success is not None and original.success < (optimized.success or 0.0)
