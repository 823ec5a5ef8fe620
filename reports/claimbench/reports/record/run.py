"""The result record, version `claimbench.result/2`: all that a run found, from which all else is drawn."""

import hashlib
from typing import Final, Literal

from pydantic import Field

from claimbench.reports.record.values import (
    ArmRecord,
    Equivalence,
    Interval,
    Method,
    Sample,
    Scalar,
    Spread,
    Verdict,
    VerdictValue,
    Words,
)
from claimbench.scenarios.grammar import Frozen

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
    runs: int
    step_s: float
    companies: int
    company_sizes: tuple[int, ...]
    rtt_ms: tuple[float, ...]
    judged_rtt_ms: float


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
    notes: tuple[str, ...] = Field(default=(), exclude_if=lambda notes: not notes)


class ClaimAtSize(Frozen):
    """The same claim at one number of companies."""

    companies: int
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
    by_companies: tuple[ClaimAtSize, ...] = ()


class ResultRecord(Frozen):
    """One run: `results.json` holds exactly this."""

    schema_: Literal["claimbench.result/2"] = Field(default=SCHEMA, alias="schema")
    claimbench: str
    started_at: str
    command: str = ""
    scenario: ScenarioRecord
    words: Words
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

    @property
    def digest(self) -> str:
        """Which run this is, by its start and all its samples, so that no run can be its own baseline."""
        samples = "".join(sample.model_dump_json() for sample in self.samples)
        return hashlib.sha256(f"{self.started_at}{samples}".encode()).hexdigest()

    @property
    def dataset_hash(self) -> str:
        """What the data were made of."""
        return str(self.dataset.get("hash", ""))
