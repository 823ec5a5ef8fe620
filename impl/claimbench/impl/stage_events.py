"""Events about stages: how one went, which path was chosen for it and why, and what it fell back on."""

from dataclasses import dataclass
from enum import StrEnum

from claimbench.impl.events import Event
from claimbench.impl.ports import Stage, StageReport


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
