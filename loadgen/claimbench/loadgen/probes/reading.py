"""One number off an instrument, and what every instrument can do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Unit(StrEnum):
    """What a reading counts."""

    COUNT = "count"
    BYTES = "B"
    RATIO = "ratio"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's value since the previous lap."""

    metric: str
    unit: str
    value: float


class Probe(Protocol):
    """An instrument that is read between stages, while nothing is under way."""

    def lap(self) -> tuple[Reading, ...]:
        """The readings since the previous lap, or since the probe was made."""
