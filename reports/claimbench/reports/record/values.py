"""The values that all stored documents share: numbers and their places, findings, the one verdict."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from claimbench.errors import ExitCode
from claimbench.scenarios.grammar import Frozen

Scalar = str | int | float | bool | None

_FITNESS = ("load_average_1min", "cores", "cores_usable", "steal_share", "clock_step_s")


def _with_numbers(environment: dict[str, Scalar]) -> dict[str, Scalar]:
    for name, value in environment.items():
        tells_fitness = name in _FITNESS or (name.startswith("rtt_") and name.endswith("_ms_achieved"))
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if tells_fitness and value is not None and not is_number:
            raise ValueError(f"{name} is {value!r}, which is no number")
    return environment


Environment = Annotated[dict[str, Scalar], AfterValidator(_with_numbers)]
"""What a document says of the machine and the server; what tells whether it was fit is a number."""


def _in_a_zone(moment: str) -> str:
    if datetime.fromisoformat(moment).tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment


Moment = Annotated[str, AfterValidator(_in_a_zone)]
"""A time in ISO 8601, with its zone."""

Level = Annotated[float, Field(gt=0, lt=1)]
"""How probable an error may be."""


def _is_absent(value: object) -> bool:
    return not value


LEAST_VALUE, LARGEST_VALUE = 1e-9, 1e18
"""What instruments can give, beside 0: a nanosecond and an exabyte. Quotients of these stay finite."""


SIZE_KEY: Final = "companies"
"""How stored documents call a size, beside samples: the key is older than the second kind of work."""


class Sample(Frozen):
    """One number. `block` counts from 0; `rtt_ms` is the asked one; `size` is the workload's.

    note: what was seen behind the number, in words that end a sentence; absent from the file if empty.
    """

    arm: str = Field(min_length=1)
    block: int = Field(ge=0)
    stage: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    unit: str
    value: float
    rtt_ms: float = Field(ge=0)
    size: int = Field(ge=1)
    note: str = Field(default="", exclude_if=_is_absent)

    @field_validator("value")
    @classmethod
    def _is_measurable(cls, value: float) -> float:
        if value != 0 and not LEAST_VALUE <= value <= LARGEST_VALUE:
            raise ValueError(f"{value:g} is nothing that an instrument gives")
        return value


class Place(Frozen):
    """Where a number belongs: an arm's metric, at a stage and a size of the workload."""

    arm: str
    metric: str
    stage: str
    size: int = Field(ge=0, validation_alias=SIZE_KEY, serialization_alias=SIZE_KEY)

    @property
    def series(self) -> str:
        """The arm's metric, wherever it was taken."""
        return f"{self.arm}.{self.metric}"

    def __str__(self) -> str:
        return f"{self.series}{{stage:{self.stage}, size:{self.size}}}"


class Interval(Frozen):
    """An estimate with its 95 % interval; an exact count has a width of zero."""

    value: float
    ci_low: float
    ci_high: float


class Spread(Frozen):
    """The lowest and the highest block."""

    low: float
    high: float


class ArmRecord(Frozen):
    """One pipeline under measurement."""

    name: str = Field(min_length=1)
    pipeline: str = Field(min_length=1)
    role: Literal["reference", "candidate"]
    indexes: Literal["before", "after"]


class Equivalence(Frozen):
    """Whether the arms did the same work; `differences` are sentences, the first one first."""

    equal: bool
    differences: tuple[str, ...]
    rows_compared: int = Field(ge=0)
    api_requests_compared: int = Field(ge=0)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.equal and self.differences:
            raise ValueError("equal arms have no differences")
        return self


class Method(Frozen):
    """The constants of the statistics, so that anyone can recompute them."""

    confidence: float
    estimate: str
    interval: str
    interval_of_few_blocks: str
    few_blocks_below: int


class VerdictValue(StrEnum):
    """Every word that a verdict can be: those of claims first, then those of rules, then those of neither."""

    HOLDS = "holds"
    EXCEEDED = "exceeded"
    REFUTED = "refuted"
    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    NOT_EQUIVALENT = "not_equivalent"
    LOST = "lost"

    @property
    def exit_code(self) -> ExitCode:
        """What a process ends with when this is its verdict."""
        return _EXIT_CODES[self]


_EXIT_CODES: Final = {
    VerdictValue.HOLDS: ExitCode.OK,
    VerdictValue.EXCEEDED: ExitCode.OK,
    VerdictValue.REFUTED: ExitCode.REFUTED,
    VerdictValue.PASS: ExitCode.OK,
    VerdictValue.FAIL: ExitCode.REFUTED,
    VerdictValue.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    VerdictValue.INVALID: ExitCode.INCONCLUSIVE,
    VerdictValue.NOT_EQUIVALENT: ExitCode.NOT_EQUIVALENT,
    VerdictValue.LOST: ExitCode.NOT_EQUIVALENT,
}


class Finding(Frozen):
    """One thing that was held to a rule: what was measured, the verdict, and the sentence that says why.

    tier, place: of a gate's findings; place where the subject is one counter or one threshold's metric.
    """

    tier: Literal["counter", "timing"] | None = Field(default=None, exclude_if=_is_absent)
    subject: str
    rule: str
    value: VerdictValue
    measured: str
    reason: str
    interval: Interval | None = None
    p_worse: float | None = None
    blocks: int | None = None
    is_better: bool = False
    """Better than the baseline, exactly: worth a promotion."""
    place: Place | None = Field(default=None, exclude_if=_is_absent)


class Verdict(Frozen):
    """Of a whole document; `exit_code` is what the process ended with."""

    value: VerdictValue
    exit_code: int
    reason: str

    @classmethod
    def of(cls, value: VerdictValue, reason: str) -> Self:
        """The verdict with the exit code that its value has."""
        return cls(value=value, exit_code=int(value.exit_code), reason=reason)

    @classmethod
    def nothing_to_compare(cls, reason: str) -> Self:
        """Invalid, since what was asked for has no other side (exit 4)."""
        return cls(value=VerdictValue.INVALID, exit_code=int(ExitCode.NOTHING_TO_COMPARE), reason=reason)


class Term(Frozen):
    """A word, and what it means to somebody who never saw the work that was measured."""

    word: str
    meaning: str


class Words(Frozen):
    """What the workload calls things, in the plural where there are several; the pages read them from here.

    counted_by: the metric that says how many there are to serve, the N of a claim; empty where N is the size.
    terms: what a reader needs to be told, the arms first.
    """

    size: str = "size"
    step: str = "step"
    run: str = "run"
    counted_by: str = ""
    terms: tuple[Term, ...] = Field(default=(), exclude_if=_is_absent)

    def sized(self, size: int) -> str:
        """`50 companies`."""
        return f"{size:,} {self.size}"
