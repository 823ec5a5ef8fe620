"""The small words of a scenario file: durations, ranges, operators, and what a document may claim.

Each value parses from its text and prints back to one canonical text, which parses to the same value.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, WithJsonSchema

_NUMBER = r"\d+(?:\.\d+)?"
_MICROSECONDS = {
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "min": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_UNIT_ALIASES = {"m": "min", "sec": "s", "hour": "h", "hours": "h", "day": "d", "days": "d"}
_LONGEST_S = 366 * 86_400

LARGEST_COUNT = 1_000_000
"""More than so many of anything can neither be made nor measured here."""

Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
"""How many there are of something, at least one."""

AnyCount = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
"""As `Count`, where there may be none."""

Replicates = Annotated[int, Field(ge=2, le=LARGEST_COUNT)]
"""As `Count`, where one would tell nothing of the spread."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What random numbers begin from."""


Share = Annotated[float, Field(ge=0, le=1)]
"""A part of something, or how probable it is."""


class Frozen(BaseModel):
    """A value of a scenario or of a stored document: unknown keys are refused, NaN and infinity too."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


def number_text(value: float) -> str:
    """The shortest plain decimal that reads back as the same float: 60, 62.5, 0.05."""
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def suggestion(word: str, known: Sequence[str]) -> str:
    """The remedy for an unknown word: the nearest known ones, or all of them."""
    near = get_close_matches(word, known, n=2, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(name) for name in near) + "?"
    return "known are " + ", ".join(known)


def parse_duration(value: object) -> timedelta:
    """`5min`, `1h30m`, `90s`, `1.5h`, or a plain number of seconds. ValueError says what is wrong."""
    if isinstance(value, timedelta):
        return _positive(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _positive(timedelta(seconds=_within_a_year(float(value))))
    text = value.replace(" ", "").lower() if isinstance(value, str) else ""
    if re.fullmatch(_NUMBER, text):
        return _positive(timedelta(seconds=_within_a_year(float(text))))
    if not re.fullmatch(rf"(?:{_NUMBER}[a-z]+)+", text):
        raise ValueError(f"{value!r} is no duration: write 5min, 1h30m, 90s or a number of seconds")
    parts = re.findall(rf"({_NUMBER})([a-z]+)", text)
    microseconds = sum(Decimal(amount) * _unit(unit) for amount, unit in parts)
    _within_a_year(float(microseconds) / 1e6)
    return _positive(timedelta(microseconds=int(microseconds)))


def _unit(name: str) -> int:
    unit = _UNIT_ALIASES.get(name, name)
    if unit not in _MICROSECONDS:
        raise ValueError(f"unit {name!r} of a duration is unknown: use d, h, min, s or ms")
    return _MICROSECONDS[unit]


def _within_a_year(seconds: float) -> float:
    if not seconds <= _LONGEST_S:
        raise ValueError("a duration must be at most 366 days")
    return seconds


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta(0):
        raise ValueError(f"a duration must be longer than zero, not {duration.total_seconds():g} s")
    return duration


def duration_text(duration: timedelta) -> str:
    """The canonical text: `1h30min`, `90s` is `1min30s`."""
    left = duration // timedelta(microseconds=1)
    parts: list[str] = []
    for unit, size in _MICROSECONDS.items():
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


class Operator(StrEnum):
    """How the value must stand to the limit."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    EQUAL = "=="

    @property
    def caps(self) -> bool:
        """Whether more is worse."""
        return self in (Operator.BELOW, Operator.AT_MOST)

    def holds(self, value: float, limit: float) -> bool:
        """Whether an exact value is within the limit; values that one division apart are equal."""
        near = math.isclose(value, limit, rel_tol=1e-9, abs_tol=1e-9)
        match self:
            case Operator.BELOW:
                return value < limit and not near
            case Operator.AT_MOST:
                return value < limit or near
            case Operator.ABOVE:
                return value > limit and not near
            case Operator.AT_LEAST:
                return value > limit or near
            case Operator.EQUAL:
                return near


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """Whole numbers from `low` to `high`, both included: `4..24`; a single number is both ends."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"range {self.low}..{self.high} is upside down: write {self.high}..{self.low}")
        if self.high > LARGEST_COUNT:
            raise ValueError(f"range {self.low}..{self.high} ends beyond {LARGEST_COUNT:,}: end it there")

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


def parse_range(value: object) -> IntegerRange:
    """`4..24` or one whole number. ValueError says what is wrong."""
    if isinstance(value, IntegerRange):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return IntegerRange(value, value)
    found = re.fullmatch(r"\s*(\d+)\s*\.\.\s*(\d+)\s*", value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"{value!r} is no range: write two whole numbers such as 4..24")
    return IntegerRange(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Reduction:
    """The candidate needs `low_percent` to `high_percent` less than the reference."""

    low_percent: float
    high_percent: float

    def __post_init__(self) -> None:
        low, high = number_text(self.low_percent), number_text(self.high_percent)
        if self.low_percent > self.high_percent:
            raise ValueError(f"reduction {low}..{high} % is upside down: write {high}..{low} %")
        if self.high_percent > 100:
            raise ValueError(f"a reduction of {high} % is impossible: nothing is left after 100 %")

    def __str__(self) -> str:
        return f"reduction {number_text(self.low_percent)}..{number_text(self.high_percent)} %"


@dataclass(frozen=True, slots=True)
class CountChange:
    """An exact count per scheduler run: from `reference` (None = N active companies) to `candidate`."""

    reference: int | None
    candidate: int

    def __str__(self) -> str:
        return f"{'N' if self.reference is None else self.reference} -> {self.candidate}"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A rate of the candidate alone, as a percentage that it reaches or passes."""

    percent: float

    def __post_init__(self) -> None:
        if self.percent > 100:
            raise ValueError(f"a rate of {number_text(self.percent)} % is impossible: the most is 100 %")

    def __str__(self) -> str:
        return f">= {number_text(self.percent)} %"


@dataclass(frozen=True, slots=True)
class Used:
    """The planner uses the index."""

    def __str__(self) -> str:
        return "used"


Claimed = Reduction | CountChange | AtLeast | Used

_CLAIM_FORMS: tuple[tuple[str, Callable[[re.Match[str]], Claimed]], ...] = (
    (
        rf"reduction\s+({_NUMBER})\s*\.\.\s*({_NUMBER})\s*%",
        lambda found: Reduction(float(found[1]), float(found[2])),
    ),
    (
        r"(N|\d+)\s*->\s*(\d+)",
        lambda found: CountChange(None if found[1] == "N" else int(found[1]), int(found[2])),
    ),
    (rf">=\s*({_NUMBER})\s*%", lambda found: AtLeast(float(found[1]))),
    (r"used", lambda _: Used()),
)


def parse_claimed(value: object) -> Claimed:
    """`reduction 60..80 %`, `4 -> 1`, `N -> 1`, `>= 95 %` or `used`. ValueError says what is wrong."""
    if isinstance(value, Reduction | CountChange | AtLeast | Used):
        return value
    for pattern, build in _CLAIM_FORMS:
        found = re.fullmatch(pattern, value.strip()) if isinstance(value, str) else None
        if found:
            return build(found)
    raise ValueError(
        f"{value!r} is no claim: write 'reduction 60..80 %', '4 -> 1', 'N -> 1', '>= 95 %' or 'used'"
    )


_TEXT = WithJsonSchema({"type": "string"})

Duration = Annotated[timedelta, PlainValidator(parse_duration), PlainSerializer(duration_text), _TEXT]
"""A `timedelta`, in a file written as text or as seconds."""

Range = Annotated[IntegerRange, PlainValidator(parse_range), PlainSerializer(str), _TEXT]
"""An `IntegerRange`, in a file written `4..24`."""

ClaimedRange = Annotated[Claimed, PlainValidator(parse_claimed), PlainSerializer(str), _TEXT]
"""One of the four forms of claim, in a file written as its text."""
