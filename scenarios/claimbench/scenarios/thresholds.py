"""The one grammar of thresholds: what a run, a gate or a load is held to.

A key says of what, a rule says how much, as k6 writes them. There are two catalogues of metrics to speak of:

    [thresholds]                                            # of a run
    "optimized.round_trips" = ["<=40", "growth<=0.05"]
    "optimized.statements{stage:create_batches}" = ["<=8"]
    "ratio.time_s" = ["p(50)<0.5"]
    "base.time_s" = ["<1.05"]

    [load.thresholds]                                       # of a load, times in milliseconds
    "response_time" = ["p(95)<500"]                         # of every arm
    "response_time{arm:optimized,operation:submit}" = ["p(99.9)<1000"]
    "ratio.end_to_end" = ["p(95)<0.5"]                      # judged on its interval
    "ratio.capacity" = ["value>=3"]

The subject is an arm, `ratio` (candidate by reference, in one run or load) or `base` (this revision by the
base revision; for a counter: by the committed baseline). `growth` is the exponent g of
value = c * size**g. `http_req_duration`, `http_req_failed` and `dropped_iterations` of k6 are understood
as response_time, failed and dropped; the first counts from the intended start.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from claimbench.scenarios.grammar import Operator, number_text, suggestion
from claimbench.scenarios.metrics import (
    OF_LOADS,
    OF_RUNS,
    RUN,
    MetricDefinition,
    Tier,
    Vocabulary,
    definition,
)

RATIO, BASE, EVERY_ARM = "ratio", "base", ""

_KEY = re.compile(r"(?:(?P<subject>[^.{}]+)\.)?(?P<metric>[a-z_]+)(?:\{(?P<tags>[^{}]*)\})?")
_RULE = re.compile(
    r"(?:(?P<statistic>p\(\s*(?P<percent>\d+(?:\.\d+)?)\s*\)|[a-z]+\w*(?:\([^)]*\))?)\s*)?"
    r"(?P<operator><=|>=|===|==|<|>)\s*(?P<limit>-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*(?P<unit>%|[A-Za-z]+)?"
)
_SUFFIXES = {"_s": "s", "_bytes": "B"}
_UNITS = {
    "s": {"s": 1.0, "ms": 1e-3, "us": 1e-6},
    "ms": {"s": 1e3, "ms": 1.0, "us": 1e-3},
    "B": {"B": 1.0, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3, "kB": 1e3, "MB": 1e6},
    "ratio": {"%": 0.01},
}


@dataclass(frozen=True, slots=True)
class GrowthExponent:
    """The exponent of a counter's growth with the size."""

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


class KeptStatistic(StrEnum):
    """A statistic, beside percentiles, that a load's record keeps."""

    MAX = "max"
    MEAN = "avg"
    RATE = "rate"
    COUNT = "count"
    VALUE = "value"


Statistic = GrowthExponent | Percentile | ExactValue | KeptStatistic


@dataclass(frozen=True, slots=True)
class Selection:
    """Which numbers: None is the scenario's own size or judged round-trip time, or all arms or operations."""

    metric: str
    stage: str = RUN
    size: int | None = None
    rtt_ms: float | None = None
    arm: str | None = None
    operation: str | None = None

    def __str__(self) -> str:
        found = definition(self.metric)
        usual = usual_stage(found) if found else RUN
        of_a_run = {
            "stage": self.stage if self.stage != usual else None,
            "size": self.size,
            "rtt_ms": None if self.rtt_ms is None else number_text(self.rtt_ms),
        }
        of_a_load = {"arm": self.arm, "operation": self.operation}
        told = ", ".join(f"{name}:{value}" for name, value in of_a_run.items() if value is not None)
        told = told or ",".join(f"{name}:{value}" for name, value in of_a_load.items() if value)
        return f"{self.metric}{{{told}}}" if told else self.metric


@dataclass(frozen=True, slots=True)
class Threshold:
    """One rule. `limit` is in the metric's own unit, or a ratio for the subjects `ratio` and `base`."""

    subject: str
    place: Selection
    statistic: Statistic
    operator: Operator
    limit: float

    @property
    def key(self) -> str:
        """The canonical key."""
        return f"{self.subject}.{self.place}" if self.subject else str(self.place)

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


def parse_threshold(key: str, text: object, words: Vocabulary = OF_RUNS) -> Threshold:
    """One rule from its key and its text. ValueError says what is wrong, where, and what would be right."""
    found = _KEY.fullmatch(key.replace(" ", ""))
    if not found or (words is OF_RUNS and not found["subject"]):
        raise ValueError(f"{key!r} is no key of a threshold: write {words.key_example}")
    metric = _metric(key, found["metric"], words)
    tags = dict(_tag(key, tag, words) for tag in (found["tags"] or "").split(",") if tag)
    rule = _RULE.fullmatch(text.strip()) if isinstance(text, str) else None
    if not rule:
        raise ValueError(f"{key}: {text!r} is no threshold: write {words.rule_example}")
    subject = found["subject"] or EVERY_ARM
    place = _of_a_run(key, metric, tags)
    if words is OF_LOADS:
        subject, place = (RATIO if subject == RATIO else EVERY_ARM), _of_a_load(key, metric, subject, tags)
    statistic = _statistic(key, metric, rule)
    unit = "ratio" if statistic is KeptStatistic.RATE and metric.unit == "count" else metric.unit
    if subject in (RATIO, BASE) or isinstance(statistic, GrowthExponent):
        unit = "ratio"
    limit = float(rule["limit"]) * _factor(key, metric, rule["unit"] or "", unit)
    operator = Operator(rule["operator"].replace("===", "=="))
    return _sound(Threshold(subject, place, statistic, operator, limit), metric)


def _metric(key: str, name: str, words: Vocabulary) -> MetricDefinition:
    known = {each.name: each for each in words.metrics}
    own = words.other_names.get(name, name)
    for suffix, unit in (("", None), *_SUFFIXES.items()):
        found = known.get(own.removesuffix(suffix)) if own.endswith(suffix) else None
        if found and unit in (None, found.unit):
            return found
    raise ValueError(f"{key}: metric {name!r} is unknown: {suggestion(name, list(known))}")


def _tag(key: str, tag: str, words: Vocabulary) -> tuple[str, str]:
    written, colon, value = tag.partition(":")
    name = words.other_names.get(written, written)
    if not colon or not value or name not in words.tags:
        raise ValueError(f"{key}: {tag!r} is no tag: use {', '.join(f'{each}:…' for each in words.tags)}")
    return name, value


def _of_a_run(key: str, metric: MetricDefinition, tags: Mapping[str, str]) -> Selection:
    stage = tags.get("stage", usual_stage(metric))
    if stage not in metric.stages:
        known = suggestion(stage, metric.stages)
        raise ValueError(f"{key}: {metric.name} has no stage {stage!r}: {known}")
    if "stage" not in tags and RUN not in metric.stages and len(metric.stages) > 1:
        raise ValueError(f"{key}: {metric.name} needs its stage: {{stage:{metric.stages[0]}}}")
    try:
        size = int(tags["size"]) if "size" in tags else None
        rtt_ms = float(tags["rtt_ms"]) if "rtt_ms" in tags else None
    except ValueError:
        raise ValueError(f"{key}: size and rtt_ms are numbers: {{size:50, rtt_ms:1}}") from None
    return Selection(metric.name, stage, size, rtt_ms)


def _of_a_load(key: str, metric: MetricDefinition, subject: str, tags: Mapping[str, str]) -> Selection:
    if subject == BASE:
        raise ValueError(f"{key}: a load is not compared with a base revision: write ratio.{metric.name}")
    if subject and "arm" in tags:
        told = "a ratio is of both arms" if subject == RATIO else "the arm is named twice"
        raise ValueError(f"{key}: {told}: remove the tag arm")
    if "operation" in tags and not metric.is_by_operation:
        raise ValueError(f"{key}: {metric.name} is of the whole run: remove the tag operation")
    arm = tags.get("arm") or (subject if subject != RATIO else None) or None
    return Selection(metric.name, arm=arm, operation=tags.get("operation"))


def _statistic(key: str, metric: MetricDefinition, rule: re.Match[str]) -> Statistic:
    word = rule["statistic"] or ""
    percentile = Percentile(float(rule["percent"])) if rule["percent"] else None
    known = metric.statistics
    if (str(percentile) if percentile else word) in known or (percentile and "p(…)" in known):
        if word == "growth":
            return GrowthExponent()
        if percentile or word in ("", "med"):
            return ExactValue() if metric.tier is Tier.COUNTER else percentile or Percentile()
        return KeptStatistic(word)
    if word == "growth":
        raise ValueError(f"{key}: growth is for counters, and {metric.name} is none: write {known[-1]}<…")
    if metric.tier is Tier.COUNTER:
        raise ValueError(f"{key}: {metric.name} is one exact count, without percentiles: write '<=40'")
    if metric.tier is Tier.STATISTICAL:
        raise ValueError(
            f"{key}: {word!r} is no statistic that noise leaves alone: write p(50), p(95), med or growth"
        )
    if percentile and "med" in known:
        raise ValueError(f"{key}: {percentile} is not kept: use one of {', '.join(known)}")
    raise ValueError(f"{key}: {word!r} is no statistic of {metric.name}: use {', '.join(known)}")


def _factor(key: str, metric: MetricDefinition, unit: str, expected: str) -> float:
    known = _UNITS.get(expected, {}) | {"": 1.0}
    if unit not in known:
        units = ", ".join(filter(None, known)) or "none"
        raise ValueError(f"{key}: unit {unit!r} does not fit {metric.name}: use {units}")
    return known[unit]


def _sound(threshold: Threshold, metric: MetricDefinition) -> Threshold:
    grows = isinstance(threshold.statistic, GrowthExponent)
    if threshold.is_relative and threshold.limit <= 0 and not grows:
        raise ValueError(f"{threshold.key}: a ratio is above 0, so {threshold.rule!r} cannot be told")
    if threshold.operator is Operator.EQUAL and metric.tier is Tier.STATISTICAL:
        raise ValueError(f"{threshold.key}: a measured {metric.name} never equals: write < or >")
    if threshold.subject == BASE and grows:
        raise ValueError(f"{threshold.key}: growth is of an arm: write arm.{metric.name}")
    return threshold


def parse_thresholds(value: object, words: Vocabulary = OF_RUNS) -> tuple[Threshold, ...]:
    """A table of keys and rules (a text or a list of texts), or a list of `key: rule` texts.

    Dots in bare TOML keys make nested tables; these are read as the same key.
    """
    if isinstance(value, tuple) and all(isinstance(each, Threshold) for each in value):
        return value
    if isinstance(value, list):
        return tuple(_from_line(line, words) for line in value)
    if not isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004 (pydantic turns ValueErrors alone into its own)
            f"{value!r} is no table of thresholds: write each key ({words.key_example}) with its rules"
        )
    return tuple(parse_threshold(entry.key, entry.text, words) for entry in _entries("", value))


def _from_line(line: object, words: Vocabulary) -> Threshold:
    key, colon, rule = str(line).rpartition(": ")
    if not colon:
        raise ValueError(f"{line!r} is no threshold: write a key, a colon and a rule ({words.rule_example})")
    return parse_threshold(key, rule, words)


@dataclass(frozen=True, slots=True)
class _KeyAndText:
    key: str
    text: Any


def _entries(prefix: str, table: Mapping[str, Any]) -> Iterator[_KeyAndText]:
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
            yield _KeyAndText(key, text)


Thresholds = Annotated[
    tuple[Threshold, ...],
    PlainValidator(parse_thresholds),
    PlainSerializer(lambda found: [str(each) for each in found]),
    WithJsonSchema({"type": "object"}),
]
"""The table `[thresholds]` of a scenario file."""

LoadThresholds = Annotated[
    tuple[Threshold, ...],
    PlainValidator(partial(parse_thresholds, words=OF_LOADS)),
    PlainSerializer(lambda found: [str(each) for each in found]),
    WithJsonSchema({"type": "object"}),
]
"""The table `[load.thresholds]`."""


def merged(own: tuple[Threshold, ...], project: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
    """The scenario's own, then those of the project for keys that the scenario says nothing about."""
    keys = {each.key for each in own}
    return (*own, *(each for each in project if each.key not in keys))
