"""What a calibration leaves, `claimbench.calibration/1`: recorded blocks, and what they say of the gate."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from claimbench.reports.record.gate import Fitness, GateMethod
from claimbench.reports.record.values import (
    LARGEST_VALUE,
    LEAST_VALUE,
    Environment,
    Moment,
    Sample,
)
from claimbench.scenarios.grammar import AnyCount, Count, Frozen, Seed, Share

CALIBRATION_SCHEMA: Final = "claimbench.calibration/1"

Percent = Annotated[float, Field(ge=0, le=LARGEST_VALUE)]


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
    events: AnyCount
    trials: Count

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        if self.events > self.trials:
            raise ValueError(f"{self.events} events in {self.trials} trials are no share")
        return self


class Floor(Frozen):
    """What noise alone reaches in 95 of 100 checks, and what is found with 80 % power; in percent."""

    metric: str
    limit: Annotated[float, Field(ge=LEAST_VALUE, le=LARGEST_VALUE)]
    noise_percent: Percent
    smallest_found_percent: Percent | None


class Bias(Frozen):
    """In how many blocks the second side was worse than the first, which was the same; a sign test."""

    metric: str
    head_worse: AnyCount
    blocks: Count
    p_value: Share

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        if self.head_worse > self.blocks:
            raise ValueError(f"{self.head_worse} of {self.blocks} blocks are no share")
        return self


class Simulated(Frozen):
    """What the blocks of one condition say about the gate and its rivals."""

    condition: str
    blocks: Count
    runs: Count
    seed: Seed
    false_alarms: AnyCount
    rival_false_alarms: tuple[Caught, ...]
    floors: tuple[Floor, ...]
    curve: tuple[Caught, ...]
    biases: tuple[Bias, ...]

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        if self.false_alarms > self.runs:
            raise ValueError(f"{self.false_alarms} false alarms in {self.runs} runs are no share")
        return self


class Calibration(Frozen):
    """The file: everything in `outcomes` can be recomputed from `conditions`."""

    schema_: Literal["claimbench.calibration/1"] = Field(default=CALIBRATION_SCHEMA, alias="schema")
    claimbench: str
    scenario: str
    scenario_sha256: str
    started_at: Moment
    environment: Environment
    method: GateMethod
    conditions: tuple[Condition, ...]
    outcomes: tuple[Simulated, ...] = ()
