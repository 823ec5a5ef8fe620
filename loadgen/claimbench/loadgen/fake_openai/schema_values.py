"""Writes values that follow a JSON schema: the same for the same draw, other ones for another."""

import re
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from random import Random
from typing import Any, Protocol

import orjson

from claimbench.loadgen.fake_openai.schema_rules import resolved

_DEEP, _MANY = 5, 2_000
_TOO_DEEP, _TOO_MANY = 60, 50_000
_ITEMS_MAX = 1_000
_REPEATS_MORE = 3

_FORMATS = {
    "date-time": "2026-0{0}-1{1}T09:2{1}:00Z",
    "time": "09:2{1}:0{0}Z",
    "date": "2026-0{0}-1{1}",
    "duration": "P{0}DT{1}H",
    "email": "customer{0}{1}@example.com",
    "hostname": "host-{0}{1}.example.com",
    "ipv4": "192.0.2.{0}{1}",
    "ipv6": "2001:db8::{0}{1}",
    "uuid": "3f2b8c1e-5a4d-4e6f-8b7a-9c0d1e2f3a{0}{1}",
    "uri": "https://example.com/{0}{1}",
}
"""In each, {0} is a digit from 1 and {1} one from 0."""


class Wording(Protocol):
    """What is said where a schema asks for any text."""

    def __call__(self, name: str, number: int) -> str:
        """The text of a property of this name."""


def written(text: str, draw: int, wording: Wording) -> str:
    """JSON that follows the schema (JSON text), chosen by a draw; an empty object where it is no schema."""
    try:
        value = _Writer(_parsed(text), Random(draw), wording).value(_parsed(text), "", 0)  # noqa: S311 (a choice)
        return orjson.dumps(value).decode()
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        AttributeError,
    ):  # only where it was not checked as strict
        return "{}"


@lru_cache(maxsize=512)
def _parsed(text: str) -> Any:
    return orjson.loads(text)


class _Writer:
    def __init__(self, root: Any, random: Random, wording: Wording) -> None:
        self._root, self._random, self._wording = root, random, wording
        self._values = 0

    def _is_deep(self, depth: int) -> bool:
        """Whether to come to an end: schemas that hold themselves several times would grow without one."""
        return depth > _DEEP or self._values > _MANY

    def value(self, schema: Any, name: str, depth: int) -> Any:
        """A value of one schema; `name` is the property's."""
        self._values += 1
        if not isinstance(schema, dict) or depth > _TOO_DEEP or self._values > _TOO_MANY:
            return None
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._random.choice(schema["enum"])
        inner = self._inner(schema, depth)
        return self._typed(schema, name, depth) if inner is schema else self.value(inner, name, depth + 1)

    def _inner(self, schema: dict[str, Any], depth: int) -> Any:
        """The schema that stands for this one: what it refers to, one alternative, or all of its parts."""
        if "$ref" in schema:
            return resolved(schema["$ref"], self._root)
        for keyword in ("anyOf", "oneOf"):
            options = schema.get(keyword)
            if isinstance(options, list) and options:
                return (
                    min(options, key=self._growth) if self._is_deep(depth) else self._random.choice(options)
                )
        parts = schema.get("allOf")
        return _merged(schema, parts, self._root) if isinstance(parts, list) and parts else schema

    def _typed(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        kinds = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kinds, list):
            kinds = (
                "null" if self._is_deep(depth) and "null" in kinds else self._random.choice(kinds or ["null"])
            )
        if kinds == "object":
            properties = schema.get("properties")
            items = properties.items() if isinstance(properties, dict) else ()
            return {key: self.value(part, key, depth + 1) for key, part in items}
        if kinds == "array":
            return [
                self.value(schema.get("items"), name, depth + 1) for _ in range(self._length(schema, depth))
            ]
        if kinds in ("integer", "number"):
            return self._number(schema, is_whole=kinds == "integer")
        if kinds == "boolean":
            return self._random.random() < 0.5
        return None if kinds == "null" else self._text(schema, name)

    def _growth(self, schema: Any) -> int:
        """How much deeper a value of this schema goes; those that end come first."""
        if isinstance(schema, dict) and "$ref" in schema:
            schema = resolved(schema["$ref"], self._root)
        kind = schema.get("type") if isinstance(schema, dict) else None
        return {"null": 0, "object": 3, "array": 2}.get(kind, 1) if isinstance(kind, str) else 2

    def _length(self, schema: dict[str, Any], depth: int) -> int:
        low = schema.get("minItems", 0)
        high = schema.get("maxItems", max(low, 1) + 2)
        if self._is_deep(depth) or high < low:
            return min(int(low), _ITEMS_MAX)
        least, most = int(max(low, min(1, high))), int(min(high, max(low, 1) + 2))
        return min(self._random.randint(least, most), _ITEMS_MAX)

    def _number(self, schema: dict[str, Any], *, is_whole: bool) -> int | float:
        """A multiple of the step within the bounds; without bounds one from 1 to 100."""
        step = Decimal(str(schema.get("multipleOf", 1 if is_whole else "0.01"))) or Decimal(1)
        if is_whole:  # the whole multiples of p/q, in lowest terms, are those of p
            step = Decimal(step.as_integer_ratio()[0])
        low, high = _bounds(schema, step)
        if low > high and "multipleOf" not in schema and not is_whole:
            lowest, highest = _limits(schema)
            return float((lowest + highest) / 2)
        value = step * self._random.randint(int(low), int(max(low, high)))
        return int(value) if is_whole else float(value)

    def _text(self, schema: dict[str, Any], name: str) -> str:
        pattern, digits = schema.get("pattern"), (self._random.randint(1, 9), self._random.randint(0, 9))
        if isinstance(pattern, str) and (found := matching(pattern, self._random)) is not None:
            return found
        template = _FORMATS.get(str(schema.get("format")))
        text = template.format(*digits) if template else self._wording(name, self._random.randrange(2**16))
        longest, shortest = schema.get("maxLength"), schema.get("minLength", 0)
        text = text.ljust(int(shortest), ".") if isinstance(shortest, int) else text
        return text[:longest] if isinstance(longest, int) else text


def _limits(schema: dict[str, Any]) -> tuple[Decimal, Decimal]:
    low, high = (schema.get(name) for name in ("minimum", "maximum"))
    low = schema.get("exclusiveMinimum") if low is None else low
    high = schema.get("exclusiveMaximum") if high is None else high
    least = Decimal(str(low)) if low is not None else None
    most = Decimal(str(high)) if high is not None else None
    if least is None:
        least = Decimal(1) if most is None or most >= 1 else most - 100
    return least, most if most is not None else least + 99


def _bounds(schema: dict[str, Any], step: Decimal) -> tuple[Decimal, Decimal]:
    """The least and the greatest number of steps within the limits."""
    least, most = _limits(schema)
    low = (least / step).to_integral_value(ROUND_CEILING)
    high = (most / step).to_integral_value(ROUND_FLOOR)
    if "exclusiveMinimum" in schema and low * step <= Decimal(str(schema["exclusiveMinimum"])):
        low = (Decimal(str(schema["exclusiveMinimum"])) / step).to_integral_value(ROUND_FLOOR) + 1
    if "exclusiveMaximum" in schema and high * step >= Decimal(str(schema["exclusiveMaximum"])):
        high = (Decimal(str(schema["exclusiveMaximum"])) / step).to_integral_value(ROUND_CEILING) - 1
    return low, high


def _merged(schema: dict[str, Any], parts: list[Any], root: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        found = resolved(part["$ref"], root) if isinstance(part, dict) and "$ref" in part else part
        for key, value in found.items() if isinstance(found, dict) else ():
            known = merged.get(key)
            merged[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def matching(pattern: str, random: Random) -> str | None:
    """A text in which the pattern is found; None when none was."""
    try:
        expression = re.compile(pattern)
        tree = re._parser.parse(pattern)  # type: ignore[attr-defined]
        for _ in range(20):
            text = "".join(_signs(tree, random, {}))
            if expression.search(text):
                return text
    except (re.error, RecursionError, OverflowError, ValueError, KeyError):
        return None
    return None


def _signs(tree: Any, random: Random, groups: dict[int, str]) -> Iterator[str]:
    for operation, argument in tree:
        name = str(operation)
        if name == "LITERAL":
            yield chr(argument)
        elif name in ("IN", "ANY", "NOT_LITERAL", "CATEGORY"):
            yield _sign(name, argument, random)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, part = argument
            for _ in range(random.randint(low, min(int(high), low + _REPEATS_MORE))):
                yield from _signs(part, random, groups)
        elif name == "BRANCH":
            yield from _signs(random.choice(argument[1]), random, groups)
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            part = argument[-1] if name == "SUBPATTERN" else argument
            text = "".join(_signs(part, random, groups))
            if name == "SUBPATTERN" and argument[0] is not None:
                groups[argument[0]] = text
            yield text
        elif name == "GROUPREF":
            yield groups.get(argument, "")


_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. @/:+,"


def _sign(name: str, argument: Any, random: Random) -> str:
    """One sign that a class of signs has."""
    if name == "ANY":
        return random.choice(_SIGNS[:62])
    if name == "NOT_LITERAL":
        return next(sign for sign in random.sample(_SIGNS, len(_SIGNS)) if ord(sign) != argument)
    parts = argument if name == "IN" else [(name, argument)]
    negated = bool(parts) and str(parts[0][0]) == "NEGATE"
    for sign in random.sample(_SIGNS, len(_SIGNS)):
        if any(_has(part, sign) for part in parts) is not negated:
            return sign
    kind, value = parts[0][0], parts[0][1]
    if str(kind) == "RANGE":
        return chr(random.randint(*value))
    return chr(value) if isinstance(value, int) else " "


_CATEGORIES = {"DIGIT": r"\d", "WORD": r"\w", "SPACE": r"\s"}


def _has(part: Any, sign: str) -> bool:
    kind, value = str(part[0]), part[1]
    if kind == "LITERAL":
        return bool(ord(sign) == value)
    if kind == "RANGE":
        return bool(value[0] <= ord(sign) <= value[1])
    if kind == "CATEGORY":
        name = str(value).removeprefix("CATEGORY_")
        found = re.match(_CATEGORIES.get(name.removeprefix("NOT_"), "."), sign) is not None
        return bool(found != name.startswith("NOT_"))
    return False
