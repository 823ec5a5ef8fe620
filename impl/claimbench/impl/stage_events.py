"""The one stopwatch around a stage, and the events about stages: how one went, on which path and why."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from claimbench.impl.events import Event
from claimbench.impl.ports import Pipeline, Stage, StageReport, take_stage


class Path(StrEnum):
    """The two ways in which the integrated pipeline can take a stage."""

    ORIGINAL = "original"
    OPTIMIZED = "optimized"


class Reason(StrEnum):
    """Why a path was taken."""

    SWITCHED_OFF = "switched_off"
    FASTER = "faster"
    NOT_YET_MEASURED = "not_yet_measured"
    MEASURING = "measuring"
    SLOWER = "slower"
    UNRELIABLE = "unreliable"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvent(Event):
    """A stage has ended, well (with its report) or badly (without one)."""

    stage: Stage
    pipeline: str
    ended_at: datetime
    seconds: float
    report: StageReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceEvent(Event):
    """A path was chosen for a stage."""

    stage: Stage
    path: Path
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackEvent(Event):
    """The optimized path failed in a stage; `resumed` says whether the original took it over at once."""

    stage: Stage
    resumed: str


@dataclass(frozen=True, slots=True)
class StageRun:
    """One run of one stage: its seconds, and its report or the exception that ended it."""

    seconds: float
    outcome: StageReport | Exception

    @property
    def report(self) -> StageReport | None:
        """What the stage says that it did; None when it failed."""
        return self.outcome if isinstance(self.outcome, StageReport) else None

    def result(self) -> StageReport:
        """The report; a failed run raises its exception."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def time_stage(
    pipeline: Pipeline, stage: Stage, now: datetime, ticks: Callable[[], float] = time.perf_counter
) -> StageRun:
    """Run a stage under the stopwatch; `ticks` gives seconds that never go back."""
    began = ticks()
    outcome: StageReport | Exception
    try:
        outcome = take_stage(pipeline, stage, now)
    except Exception as error:  # whatever it is, the caller decides what becomes of it
        outcome = error
    return StageRun(ticks() - began, outcome)
