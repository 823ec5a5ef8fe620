"""The thresholds of a load, as k6 writes them: a metric with tags, and what its values must keep.

    [load.thresholds]
    "response_time" = ["p(95)<500"]                         # milliseconds, of every arm
    "response_time{arm:optimized,operation:submit}" = ["p(99.9)<1000"]
    "failed" = ["rate<0.01"]
    "dropped" = ["count==0"]
    "ratio.end_to_end" = ["p(95)<0.5"]                      # candidate by reference, judged on its interval
    "ratio.capacity" = ["value>=3"]

Times are in milliseconds. `http_req_duration`, `http_req_failed` and `dropped_iterations` of k6 are
understood as response_time, failed and dropped; the first counts from the intended start.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from claimbench.scenarios.grammar import number_text
from claimbench.scenarios.thresholds import Operator

_KEY = re.compile(r"(?P<ratio>ratio\.)?(?P<metric>[a-z_]+)(?:\{(?P<tags>[^{}]*)\})?")
_RULE = re.compile(
    r"(?P<statistic>p\(\s*(?P<percent>\d+(?:\.\d+)?)\s*\)|[a-z]+)\s*"
    r"(?P<operator><=|>=|===|==|<|>)\s*(?P<limit>-?\d+(?:\.\d+)?(?:e-?\d+)?)"
)
_KNOWN_PERCENTS = {"50": 50.0, "90": 90.0, "95": 95.0, "99": 99.0, "99.9": 99.9}


class LoadMetric(StrEnum):
    """What a load is held to."""

    RESPONSE_TIME = "response_time"
    SERVICE_TIME = "service_time"
    SCHEDULE_LAG = "schedule_lag"
    END_TO_END = "end_to_end"
    FAILED = "failed"
    DROPPED = "dropped"
    THROUGHPUT = "throughput"
    ROUND_TRIPS = "round_trips"
    SERVER_CPU = "server_cpu"
    CAPACITY = "capacity"

    @property
    def is_time(self) -> bool:
        """Whether it is a distribution of milliseconds."""
        return self in _TIMES


_TIMES = (LoadMetric.RESPONSE_TIME, LoadMetric.SERVICE_TIME, LoadMetric.SCHEDULE_LAG, LoadMetric.END_TO_END)
_BY_OPERATION = (*_TIMES[:3], LoadMetric.FAILED, LoadMetric.DROPPED)
_OF_K6 = {"http_req_duration": "response_time", "http_req_failed": "failed", "dropped_iterations": "dropped"}
_STATISTICS = {
    **dict.fromkeys(_TIMES, ("p(…)", "med", "max", "avg")),
    LoadMetric.FAILED: ("rate", "count"),
    LoadMetric.DROPPED: ("rate", "count"),
    LoadMetric.THROUGHPUT: ("rate",),
    LoadMetric.ROUND_TRIPS: ("value",),
    LoadMetric.SERVER_CPU: ("value",),
    LoadMetric.CAPACITY: ("value",),
}


@dataclass(frozen=True, slots=True)
class LoadThreshold:
    """One rule. `arm` and `operation` are None for all; `limit` is in ms, per second, a share or a ratio.

    `statistic` is `p50`, `p90`, `p95`, `p99`, `p99_9`, `max`, `mean`, `rate`, `count` or `value`.
    """

    metric: LoadMetric
    is_ratio: bool
    arm: str | None
    operation: str | None
    statistic: str
    operator: Operator
    limit: float

    @property
    def key(self) -> str:
        """The canonical key."""
        tags = {"arm": self.arm, "operation": self.operation}
        told = ",".join(f"{name}:{value}" for name, value in tags.items() if value)
        return f"{'ratio.' if self.is_ratio else ''}{self.metric.value}" + (f"{{{told}}}" if told else "")

    @property
    def rule(self) -> str:
        """The canonical text of the rule."""
        percent = self.statistic.removeprefix("p").replace("_", ".")
        words = f"p({percent})" if percent in _KNOWN_PERCENTS else {"mean": "avg"}.get(self.statistic)
        return f"{words or self.statistic}{self.operator.value}{number_text(self.limit)}"


def parse_load_threshold(key: str, text: object) -> LoadThreshold:
    """One rule from its key and its text. ValueError says what is wrong and what would be right."""
    found = _KEY.fullmatch(key.replace(" ", ""))
    rule = _RULE.fullmatch(text.strip()) if isinstance(text, str) else None
    if not found:
        raise ValueError(f"{key!r} is no key of a threshold: write response_time or ratio.response_time")
    if not rule:
        raise ValueError(f"{key}: {text!r} is no threshold: write 'p(95)<500' or 'rate<0.01'")
    metric = _metric(key, found["metric"])
    tags = dict(_tag(key, tag) for tag in (found["tags"] or "").split(",") if tag)
    is_ratio = bool(found["ratio"])
    if is_ratio and "arm" in tags:
        raise ValueError(f"{key}: a ratio is of both arms: remove the tag arm")
    if "operation" in tags and metric not in _BY_OPERATION:
        raise ValueError(f"{key}: {metric} is of the whole run: remove the tag operation")
    operator = Operator(rule["operator"].replace("===", "=="))
    statistic = _statistic(key, metric, rule)
    return LoadThreshold(
        metric, is_ratio, tags.get("arm"), tags.get("operation"), statistic, operator, float(rule["limit"])
    )


def _metric(key: str, name: str) -> LoadMetric:
    name = _OF_K6.get(name, name)
    known = [metric.value for metric in LoadMetric]
    if name not in known:
        near = get_close_matches(name, known, n=2, cutoff=0.6)
        told = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known are {', '.join(known)}"
        raise ValueError(f"{key}: metric {name!r} is unknown: {told}")
    return LoadMetric(name)


def _tag(key: str, tag: str) -> tuple[str, str]:
    name, colon, value = tag.partition(":")
    if not colon or not value or name not in ("arm", "operation"):
        raise ValueError(f"{key}: {tag!r} is no tag: use arm:… or operation:…")
    return name, value


def _statistic(key: str, metric: LoadMetric, rule: re.Match[str]) -> str:
    word = rule["statistic"]
    if metric.is_time and rule["percent"]:
        percent = number_text(float(rule["percent"]))
        if percent not in _KNOWN_PERCENTS:
            raise ValueError(f"{key}: p({percent}) is not kept: use one of {', '.join(_KNOWN_PERCENTS)}")
        return "p" + percent.replace(".", "_")
    if word not in _STATISTICS[metric]:
        raise ValueError(f"{key}: {word!r} is no statistic of {metric}: use {', '.join(_STATISTICS[metric])}")
    return {"med": "p50", "avg": "mean"}.get(word, word)


def parse_load_thresholds(value: object) -> tuple[LoadThreshold, ...]:
    """The whole table: keys to a rule or a list of rules."""
    if isinstance(value, tuple) and all(isinstance(each, LoadThreshold) for each in value):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("is no table: write each metric with its list of rules")  # noqa: TRY004 (pydantic's protocol)
    return tuple(_parsed(value))


def _parsed(table: Mapping[Any, Any]) -> Iterator[LoadThreshold]:
    for key, texts in table.items():
        for text in texts if isinstance(texts, list | tuple) else [texts]:
            yield parse_load_threshold(str(key), text)


def _table(thresholds: tuple[LoadThreshold, ...]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for threshold in thresholds:
        table.setdefault(threshold.key, []).append(threshold.rule)
    return table


LoadThresholds = Annotated[
    tuple[LoadThreshold, ...],
    PlainValidator(parse_load_thresholds),
    PlainSerializer(_table),
    WithJsonSchema({"type": "object"}),
]
"""The rules of `[load.thresholds]`."""
