"""The result record, version `claimbench.result/2`: all that a run found, from which all else is drawn."""

import hashlib
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from claimbench.reports.record.values import (
    SIZE_KEY,
    ArmRecord,
    Environment,
    Equivalence,
    Interval,
    Method,
    Moment,
    Sample,
    Scalar,
    Spread,
    Verdict,
    VerdictValue,
    Words,
)
from claimbench.scenarios.grammar import Frozen, parse_claimed

SCHEMA: Final = "claimbench.result/2"


class ScenarioRecord(Frozen):
    """What was asked for."""

    name: str
    title: str
    why: str
    sha256: str
    source: str = Field(default="", exclude_if=lambda source: not source)
    """The name or path by which it was loaded, for whoever reads it again."""
    workload: str = "batch_pipeline"
    """The kind of work that was measured."""
    runs: int = Field(ge=1)
    step_s: float = Field(gt=0)
    size: int = Field(ge=1, validation_alias=SIZE_KEY, serialization_alias=SIZE_KEY)
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        validation_alias="company_sizes", serialization_alias="company_sizes"
    )
    rtt_ms: tuple[Annotated[float, Field(ge=0)], ...]
    judged_rtt_ms: float = Field(ge=0)


class Metric(Frozen):
    """One metric of one stage: the median block per arm, and the candidate's reduction (0.6 = 60 % less).

    `reduction` is None where there is nothing to compare: one arm only, a reference of 0, or a single
    block of something that is not exact. notes: what the samples say behind their numbers, each once.
    """

    metric: str
    stage: str
    unit: str
    rtt_ms: float
    size: int = Field(validation_alias=SIZE_KEY, serialization_alias=SIZE_KEY)
    blocks: int
    values: dict[str, float]
    spread: dict[str, Spread]
    reduction: Interval | None
    notes: tuple[str, ...] = Field(default=(), exclude_if=lambda notes: not notes)


class ClaimAtSize(Frozen):
    """The same claim at one size."""

    size: int = Field(validation_alias=SIZE_KEY, serialization_alias=SIZE_KEY)
    measured: Interval | None
    measured_text: str
    verdict: VerdictValue


class ClaimResult(Frozen):
    """A claim, what was measured, and the verdict with its one sentence.

    `measured` is a fraction for claims in percent and the candidate's count for claims of the form
    `N -> 1`; `measured_text` says it in words.
    """

    id: str
    source: str
    quote: str
    metric: str
    stage: str
    claimed: str
    measured: Interval | None
    measured_text: str
    verdict: VerdictValue
    reason: str
    by_size: tuple[ClaimAtSize, ...] = Field(
        default=(), validation_alias="by_companies", serialization_alias="by_companies"
    )

    @field_validator("claimed")
    @classmethod
    def _can_be_claimed(cls, claimed: str) -> str:
        parse_claimed(claimed)
        return claimed


class ResultRecord(Frozen):
    """One run: `results.json` holds exactly this."""

    schema_: Literal["claimbench.result/2"] = Field(default=SCHEMA, alias="schema")
    claimbench: str
    started_at: Moment
    command: str = ""
    scenario: ScenarioRecord
    words: Words
    environment: Environment
    dataset: dict[str, Scalar]
    arms: tuple[ArmRecord, ...]
    equivalence: Equivalence
    samples: tuple[Sample, ...]
    method: Method
    metrics: tuple[Metric, ...]
    claims: tuple[ClaimResult, ...]
    limitations: tuple[str, ...]
    invalid: str = Field(default="", exclude_if=lambda reason: not reason)
    """Why nothing may be judged, if so."""
    time_invalid: str = Field(default="", exclude_if=lambda reason: not reason)
    """Why time may not be judged, if so; all else may."""
    verdict: Verdict

    @field_validator("arms")
    @classmethod
    def _are_two(cls, arms: tuple[ArmRecord, ...]) -> tuple[ArmRecord, ...]:
        if sorted(arm.role for arm in arms) != ["candidate", "reference"]:
            told = ", ".join(arm.role for arm in arms) or "none"
            raise ValueError(f"a run has one reference and one candidate, not {told}")
        if len({arm.name for arm in arms}) != len(arms):
            raise ValueError("both arms have one name")
        return arms

    @model_validator(mode="after")
    def _samples_are_of_its_arms(self) -> Self:
        names = {arm.name for arm in self.arms}
        for position, sample in enumerate(self.samples):
            if sample.arm not in names:
                raise ValueError(f"samples[{position}] is of {sample.arm!r}, which is no arm of the run")
        return self

    @property
    def moment(self) -> datetime:
        """When it started."""
        return datetime.fromisoformat(self.started_at)

    @property
    def digest(self) -> str:
        """Which run this is, by its start and all its samples, so that no run can be its own baseline."""
        samples = "".join(sample.model_dump_json() for sample in self.samples)
        return hashlib.sha256(f"{self.started_at}{samples}".encode()).hexdigest()

    @property
    def dataset_hash(self) -> str:
        """What the data were made of."""
        return str(self.dataset.get("hash", ""))
