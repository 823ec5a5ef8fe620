"""The little language of thresholds: what a gate holds a run to.

A key says of what, a text says how much, as k6 writes them:

    [thresholds]
    "optimized.round_trips" = ["<=40", "growth<=0.05"]
    "optimized.statements{stage:create_batches}" = ["<=8"]
    "ratio.time_s" = ["p(50)<0.5"]
    "base.time_s" = ["<1.05"]

The subject is an arm, `ratio` (candidate by reference, in one run) or `base` (this revision by the base
revision; for a counter: by the committed baseline). `growth` is the exponent g of value = c * companies**g.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from claimbench.errors import UsageError
from claimbench.scenarios.grammar import number_text
from claimbench.scenarios.metrics import CATALOGUE, RUN, MetricDefinition, Tier, definition

RATIO, BASE = "ratio", "base"

_KEY = re.compile(r"(?P<subject>[^.{}]+)\.(?P<metric>[a-z_]+)(?:\{(?P<tags>[^{}]*)\})?")
_TEXT = re.compile(
    r"(?:(?P<statistic>growth|med|p\(\s*(?P<percent>\d+(?:\.\d+)?)\s*\)|[a-z]+\w*(?:\([^)]*\))?)\s*)?"
    r"(?P<operator><=|>=|<|>|==)\s*(?P<limit>-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*(?P<unit>%|[A-Za-z]+)?"
)
_SUFFIXES = {"_s": "s", "_bytes": "B"}
_UNITS = {
    "s": {"s": 1.0, "ms": 1e-3, "us": 1e-6},
    "B": {"B": 1.0, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3, "kB": 1e3, "MB": 1e6},
}
_TAGS = ("stage", "companies", "rtt_ms")


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
class Growth:
    """The exponent of a counter's growth with the number of companies."""

    def __str__(self) -> str:
        return "growth"


@dataclass(frozen=True, slots=True)
class Percentile:
    """The percentile over blocks, 0 < percent < 100; 50 is the median."""

    percent: float = 50.0

    def __post_init__(self) -> None:
        if not 0 < self.percent < 100:
            raise ValueError(f"p({number_text(self.percent)}) is no percentile: it lies between 0 and 100")

    def __str__(self) -> str:
        return f"p({number_text(self.percent)})"


@dataclass(frozen=True, slots=True)
class ExactValue:
    """The one value that a counter has."""

    def __str__(self) -> str:
        return ""


Statistic = Growth | Percentile | ExactValue


@dataclass(frozen=True, slots=True)
class Place:
    """Which numbers: None means the scenario's own size, and its judged round-trip time for `time`."""

    metric: str
    stage: str
    companies: int | None = None
    rtt_ms: float | None = None

    def __str__(self) -> str:
        found = definition(self.metric)
        usual = usual_stage(found) if found else RUN
        tags = {
            "stage": self.stage if self.stage != usual else None,
            "companies": self.companies,
            "rtt_ms": None if self.rtt_ms is None else number_text(self.rtt_ms),
        }
        told = ", ".join(f"{name}:{value}" for name, value in tags.items() if value is not None)
        return f"{self.metric}{{{told}}}" if told else self.metric


@dataclass(frozen=True, slots=True)
class Threshold:
    """One rule. `limit` is in the metric's own unit, or a ratio for the subjects `ratio` and `base`."""

    subject: str
    place: Place
    statistic: Statistic
    operator: Operator
    limit: float

    @property
    def key(self) -> str:
        """The canonical key."""
        return f"{self.subject}.{self.place}"

    @property
    def rule(self) -> str:
        """The canonical text of the rule."""
        return f"{self.statistic}{self.operator}{number_text(self.limit)}"

    @property
    def is_relative(self) -> bool:
        """Whether the limit is a ratio."""
        return self.subject in (RATIO, BASE)

    def __str__(self) -> str:
        return f"{self.key}: {self.rule}"


def usual_stage(metric: MetricDefinition) -> str:
    """The stage that a key means when it names none: the run, or the only one that there is."""
    return RUN if RUN in metric.stages else metric.stages[0]


def parse_threshold(key: str, text: str) -> Threshold:
    """One rule from its key and its text. ValueError says what is wrong, where, and what would be right."""
    found = _KEY.fullmatch(key.replace(" ", ""))
    if not found:
        raise ValueError(f"{key!r} is no key of a threshold: write arm.metric, ratio.metric or base.metric")
    metric = _metric(key, found["metric"])
    place = _place(key, metric, found["tags"] or "")
    rule = _TEXT.fullmatch(text.strip()) if isinstance(text, str) else None
    if not rule:
        raise ValueError(f"{key}: {text!r} is no threshold: write '<=40', 'growth<=0.05' or 'p(50)<0.5'")
    statistic = _statistic(key, metric, rule)
    relative = found["subject"] in (RATIO, BASE) or isinstance(statistic, Growth)
    limit = float(rule["limit"]) * _factor(key, metric, rule["unit"], "" if relative else metric.unit)
    return _sound(Threshold(found["subject"], place, statistic, Operator(rule["operator"]), limit))


def _metric(key: str, name: str) -> MetricDefinition:
    for suffix, unit in (("", None), *_SUFFIXES.items()):
        found = definition(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if found and unit in (None, found.unit):
            return found
    raise ValueError(f"{key}: metric {name!r} is unknown: {_nearest(name, [m.name for m in CATALOGUE])}")


def _nearest(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"known are {', '.join(known)}"


def _place(key: str, metric: MetricDefinition, tags: str) -> Place:
    pairs = dict(_tag(key, tag) for tag in tags.split(",") if tag)
    stage = pairs.get("stage", usual_stage(metric))
    if stage not in metric.stages:
        known = _nearest(stage, metric.stages)
        raise ValueError(f"{key}: {metric.name} has no stage {stage!r}: {known}")
    if "stage" not in pairs and RUN not in metric.stages and len(metric.stages) > 1:
        raise ValueError(f"{key}: {metric.name} needs its stage: {{stage:{metric.stages[0]}}}")
    try:
        companies = int(pairs["companies"]) if "companies" in pairs else None
        rtt_ms = float(pairs["rtt_ms"]) if "rtt_ms" in pairs else None
    except ValueError:
        raise ValueError(f"{key}: companies and rtt_ms are numbers: {{companies:50, rtt_ms:1}}") from None
    return Place(metric.name, stage, companies, rtt_ms)


def _tag(key: str, tag: str) -> tuple[str, str]:
    name, colon, value = tag.partition(":")
    if not colon or not value or name not in _TAGS:
        raise ValueError(f"{key}: {tag!r} is no tag: use {', '.join(f'{each}:…' for each in _TAGS)}")
    return name, value


def _statistic(key: str, metric: MetricDefinition, rule: re.Match[str]) -> Statistic:
    word = rule["statistic"]
    exact = metric.tier is Tier.COUNTER
    if word == "growth":
        if not exact:
            raise ValueError(f"{key}: growth is for counters, and {metric.name} is none: write p(50)<…")
        return Growth()
    if word in (None, "med") or rule["percent"]:
        if exact and word:
            raise ValueError(f"{key}: {metric.name} is one exact count, without percentiles: write '<=40'")
        return ExactValue() if exact else Percentile(float(rule["percent"] or 50))
    raise ValueError(
        f"{key}: {word!r} is no statistic that noise leaves alone: write p(50), p(95), med or growth"
    )


def _factor(key: str, metric: MetricDefinition, unit: str | None, expected: str) -> float:
    known = {"": 1.0, "%": 0.01} if not expected else _UNITS.get(expected, {}) | {"": 1.0}
    if expected == "ratio":
        known = {"": 1.0, "%": 0.01}
    if (unit or "") not in known:
        units = ", ".join(filter(None, known)) or "none"
        raise ValueError(f"{key}: unit {unit!r} does not fit {metric.name}: use {units}")
    return known[unit or ""]


def _sound(threshold: Threshold) -> Threshold:
    if threshold.is_relative and threshold.limit <= 0 and not isinstance(threshold.statistic, Growth):
        raise ValueError(f"{threshold.key}: a ratio is above 0, so {threshold.rule!r} cannot be told")
    if threshold.operator is Operator.EQUAL and isinstance(threshold.statistic, Percentile):
        raise ValueError(f"{threshold.key}: a measured {threshold.place.metric} never equals: write < or >")
    if threshold.subject == BASE and isinstance(threshold.statistic, Growth):
        raise ValueError(f"{threshold.key}: growth is of an arm: write arm.{threshold.place.metric}")
    return threshold


def parse_thresholds(value: object) -> tuple[Threshold, ...]:
    """A table of keys and rules (a text or a list of texts), or a list of `key: rule` texts.

    Dots in bare TOML keys make nested tables; these are read as the same key.
    """
    if isinstance(value, tuple) and all(isinstance(each, Threshold) for each in value):
        return value
    if isinstance(value, list):
        return tuple(_from_line(line) for line in value)
    if not isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004 (pydantic turns ValueErrors alone into its own)
            f"{value!r} is no table of thresholds: write 'optimized.round_trips' = ['<=40']"
        )
    return tuple(parse_threshold(entry.key, entry.text) for entry in _entries("", value))


def _from_line(line: object) -> Threshold:
    key, colon, rule = str(line).rpartition(": ")
    if not colon:
        raise ValueError(f"{line!r} is no threshold: write 'optimized.round_trips: <=40'")
    return parse_threshold(key, rule)


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    text: Any


def _entries(prefix: str, table: Mapping[str, Any]) -> Iterator[_Entry]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _entries(f"{key}.", value)
            continue
        texts = value if isinstance(value, list) else [value]
        if not texts:
            raise ValueError(f"{key}: the list is empty, so nothing is held to it: write a rule or remove it")
        for text in texts:
            if not isinstance(text, str):
                raise ValueError(  # noqa: TRY004 (as above)
                    f"{key}: {text!r} is no text: write '<={text}'"
                )
            yield _Entry(key, text)


Thresholds = Annotated[
    tuple[Threshold, ...],
    PlainValidator(parse_thresholds),
    PlainSerializer(lambda found: [str(each) for each in found]),
    WithJsonSchema({"type": "object"}),
]
"""The table of thresholds of a scenario file."""


def project_thresholds(folder: Path) -> tuple[Threshold, ...]:
    """Those of `[tool.claimbench.thresholds]` in the folder's pyproject.toml; none without the file or table.

    Raises `UsageError` (exit 2) naming the file and the key.
    """
    file = folder / "pyproject.toml"
    where = f"{file.name}: tool.claimbench"
    if not file.is_file():
        return ()
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("claimbench", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"cannot be read ({error})", where=file.name, remedy="mend the file") from None
    for key in table:
        if key != "thresholds":
            raise UsageError(
                "unknown key", where=f"{where}.{key}", remedy="known is thresholds; remove it or rename it"
            )
    try:
        return parse_thresholds(table.get("thresholds", {}))
    except ValueError as error:
        raise UsageError(str(error), where=f"{where}.thresholds", remedy="mend this rule") from None


def merged(own: tuple[Threshold, ...], project: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
    """The scenario's own, then those of the project for keys that the scenario says nothing about."""
    keys = {each.key for each in own}
    return (*own, *(each for each in project if each.key not in keys))
