"""What the gate reads and writes: baselines, `claimbench.baseline/1`, and results, `claimbench.gate/1`."""

import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from claimbench.reports.record.values import (
    LARGEST_VALUE,
    LEAST_VALUE,
    SIZE_KEY,
    Finding,
    Level,
    Place,
    Sample,
    Verdict,
)
from claimbench.scenarios.grammar import Count, Frozen, Seed, Share

BASELINE_SCHEMA: Final = "claimbench.baseline/1"
GATE_SCHEMA: Final = "claimbench.gate/1"


class CounterEntry(Frozen):
    """One counter at one place. `low` and `high` differ where the repeats of the run did."""

    arm: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    stage: str = Field(min_length=1)
    size: int = Field(ge=0, validation_alias=SIZE_KEY, serialization_alias=SIZE_KEY)
    unit: str
    low: float
    high: float
    repeats: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_a_count(self) -> Self:
        small = any(0 < each < LEAST_VALUE for each in (self.low, self.high))
        if not 0 <= self.low <= self.high <= LARGEST_VALUE or small:
            raise ValueError(f"{self.low:g} to {self.high:g} is no count")
        return self

    @property
    def is_exact(self) -> bool:
        """Whether every repeat gave the same."""
        return self.low == self.high

    @property
    def name(self) -> str:
        """How it is called in every output."""
        return str(self.place)

    @property
    def place(self) -> Place:
        """Where it was counted."""
        return Place(arm=self.arm, metric=self.metric, stage=self.stage, size=self.size)


class Baseline(Frozen):
    """The counters of one accepted run. Times are not in it: they are measured again, in the same job."""

    schema_: Literal["claimbench.baseline/1"] = Field(default=BASELINE_SCHEMA, alias="schema")
    claimbench: str
    scenario: str
    scenario_sha256: str
    dataset_hash: str
    run: str
    """Which run it was saved from: a digest, so that no run can be its own baseline."""
    saved_at: str
    reason: str
    seal: str = Field(default="", exclude_if=lambda seal: not seal)
    """The digest of what was saved, but for the reason; a baseline of an earlier version has none."""
    counters: tuple[CounterEntry, ...]

    @model_validator(mode="after")
    def _has_each_counter_once(self) -> Self:
        if len({entry.place for entry in self.counters}) < len(self.counters):
            raise ValueError("a counter is there twice")
        return self

    @property
    def sealed(self) -> Self:
        """The same, with its seal."""
        return self.model_copy(update={"seal": self._digest})

    @property
    def is_edited(self) -> bool:
        """Whether it differs from what was saved, by more than its reason; False where no seal can tell."""
        return bool(self.seal) and self.seal != self._digest

    @property
    def _digest(self) -> str:
        return hashlib.sha256(self.model_dump_json(exclude={"seal", "reason"}).encode()).hexdigest()

    @property
    def is_empty(self) -> bool:
        """Whether it holds no counter, or zeros only, so that nothing can be held to it."""
        return not any(entry.high for entry in self.counters)


class Fitness(Frozen):
    """What says whether the machine was fit to measure; None where it was not or could not be read."""

    load_per_core: float | None = None
    steal_share: float | None = None
    clock_step_s: float | None = None
    frequency_drop: float | None = None
    rtt_asked_ms: float | None = None
    rtt_achieved_ms: float | None = None


class Duel(Frozen):
    """Two revisions, or two contestants, measured block by block in one job.

    Samples are of the arms `base` and `head`; blocks are numbered in the order in which they were taken.
    """

    base_revision: str
    head_revision: str
    pipeline: str
    samples: tuple[Sample, ...]
    fitness: Fitness


class GateMethod(Frozen):
    """All constants, so that anyone can recompute a verdict."""

    effect: str
    interval: str
    test: str
    family: str
    alpha: Level
    beta: Level
    confirmation_alpha: Level
    looks: Annotated[tuple[Count, ...], Field(min_length=1)]
    shares: tuple[Share, ...]
    repeats: Count
    beyond_belief: Annotated[float, Field(gt=0)]
    demoted_limit: Annotated[float, Field(gt=0)]
    seed: Seed


class GateRecord(Frozen):
    """One check: `gate.json` holds exactly this. With `results.json` beside it, all can be recomputed."""

    schema_: Literal["claimbench.gate/1"] = Field(default=GATE_SCHEMA, alias="schema")
    claimbench: str
    scenario: str
    run: str
    thresholds: tuple[str, ...]
    believed: tuple[str, ...]
    is_counters_only: bool
    baseline: Baseline | None
    duel: Duel | None
    method: GateMethod
    complaints: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    verdict: Verdict
