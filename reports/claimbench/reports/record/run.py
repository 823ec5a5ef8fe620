"""The result record, version `claimbench.result/2`: all that a run found, from which all else is drawn."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Final = "claimbench.result/2"

Scalar = str | int | float | bool | None


def _is_empty(value: str | tuple[str, ...]) -> bool:
    return not value


class Frozen(BaseModel):
    """A value of the record; unknown keys are refused, NaN and infinity too."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Sample(Frozen):
    """One number. `block` counts from 0; `rtt_ms` is the asked one; `size` is the workload's (companies).

    note: what was seen behind the number, in words that end a sentence; absent from the file if empty.
    """

    arm: str
    block: int
    stage: str
    metric: str
    unit: str
    value: float
    rtt_ms: float
    size: int
    note: str = Field(default="", exclude_if=_is_empty)


class ScenarioRecord(Frozen):
    """What was asked for."""

    name: str
    title: str
    why: str
    sha256: str
    runs: int
    step_s: float
    companies: int
    company_sizes: tuple[int, ...]
    rtt_ms: tuple[float, ...]
    judged_rtt_ms: float


class ArmRecord(Frozen):
    """One pipeline under measurement."""

    name: str
    pipeline: str
    role: Literal["reference", "candidate"]
    indexes: Literal["before", "after"]


class Equivalence(Frozen):
    """Whether the arms did the same work; `differences` are sentences, the first one first."""

    equal: bool
    differences: tuple[str, ...]
    rows_compared: int
    api_requests_compared: int


class Interval(Frozen):
    """An estimate with its 95 % interval; an exact count has a width of zero."""

    value: float
    ci_low: float
    ci_high: float


class Spread(Frozen):
    """The lowest and the highest block."""

    low: float
    high: float


class Metric(Frozen):
    """One metric of one stage: the median block per arm, and the candidate's reduction (0.6 = 60 % less).

    `reduction` is None where there is nothing to compare: one arm only, a reference of 0, or a single
    block of something that is not exact. notes: what the samples say behind their numbers, each once.
    """

    metric: str
    stage: str
    unit: str
    rtt_ms: float
    companies: int
    blocks: int
    values: dict[str, float]
    spread: dict[str, Spread]
    reduction: Interval | None
    notes: tuple[str, ...] = Field(default=(), exclude_if=_is_empty)


VerdictOfClaim = Literal["holds", "exceeded", "refuted", "inconclusive"]


class ClaimAtSize(Frozen):
    """The same claim at one number of companies."""

    companies: int
    measured: Interval | None
    measured_text: str
    verdict: VerdictOfClaim


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
    verdict: VerdictOfClaim
    reason: str
    by_companies: tuple[ClaimAtSize, ...] = ()


class Verdict(Frozen):
    """Of the whole run; `exit_code` is what the process ended with."""

    value: Literal["holds", "refuted", "inconclusive", "not_equivalent", "invalid"]
    exit_code: int
    reason: str


class Method(Frozen):
    """The constants of the statistics, so that anyone can recompute them."""

    confidence: float
    estimate: str
    interval: str
    interval_of_few_blocks: str
    few_blocks_below: int


class ResultRecord(Frozen):
    """One run: `results.json` holds exactly this."""

    schema_: Literal["claimbench.result/2"] = Field(default=SCHEMA, alias="schema")
    claimbench: str
    started_at: str
    command: str = ""
    scenario: ScenarioRecord
    environment: dict[str, Scalar]
    dataset: dict[str, Scalar]
    arms: tuple[ArmRecord, ...]
    equivalence: Equivalence
    samples: tuple[Sample, ...]
    method: Method
    metrics: tuple[Metric, ...]
    claims: tuple[ClaimResult, ...]
    limitations: tuple[str, ...]
    verdict: Verdict
