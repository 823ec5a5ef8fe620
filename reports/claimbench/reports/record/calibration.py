"""What a calibration leaves, `claimbench.calibration/1`: recorded blocks, and what they say of the gate."""

from datetime import datetime
from typing import Final, Literal

from pydantic import Field, field_validator

from claimbench.reports.record.gate import Fitness, GateMethod
from claimbench.reports.record.values import Sample, Scalar
from claimbench.scenarios.grammar import Frozen

CALIBRATION_SCHEMA: Final = "claimbench.calibration/1"


class Condition(Frozen):
    """The machine in one state, with the A/A blocks that were recorded in it."""

    name: str
    samples: tuple[Sample, ...]
    fitness: Fitness

    @property
    def blocks(self) -> int:
        """How many blocks were recorded, each of some rounds."""
        return len({sample.block for sample in self.samples})


class Caught(Frozen):
    """How many of the simulated gate runs a rule ended red."""

    name: str
    rule: str
    events: int
    trials: int


class Floor(Frozen):
    """What noise alone reaches in 95 of 100 checks, and what is found with 80 % power; in percent."""

    metric: str
    limit: float
    noise_percent: float
    smallest_found_percent: float | None


class Bias(Frozen):
    """In how many blocks the second side was worse than the first, which was the same; a sign test."""

    metric: str
    head_worse: int
    blocks: int
    p_value: float


class Simulated(Frozen):
    """What the blocks of one condition say about the gate and its rivals."""

    condition: str
    blocks: int
    runs: int
    seed: int
    false_alarms: int
    rival_false_alarms: tuple[Caught, ...]
    floors: tuple[Floor, ...]
    curve: tuple[Caught, ...]
    biases: tuple[Bias, ...]


class Calibration(Frozen):
    """The file: everything in `outcomes` can be recomputed from `conditions`."""

    schema_: Literal["claimbench.calibration/1"] = Field(default=CALIBRATION_SCHEMA, alias="schema")
    claimbench: str
    scenario: str
    scenario_sha256: str
    started_at: str
    environment: dict[str, Scalar]
    method: GateMethod
    conditions: tuple[Condition, ...]
    outcomes: tuple[Simulated, ...] = ()

    @field_validator("started_at")
    @classmethod
    def _is_a_moment(cls, started_at: str) -> str:
        if datetime.fromisoformat(started_at).tzinfo is None:
            raise ValueError(f"{started_at!r} has no time zone")
        return started_at
