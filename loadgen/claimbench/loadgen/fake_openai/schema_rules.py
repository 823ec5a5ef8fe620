"""What strict mode demands of a JSON schema, in the words in which the API refuses one."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

_ANYWHERE = frozenset(
    {"type", "title", "description", "enum", "const", "anyOf", "$ref", "$defs", "definitions"}
)
_BY_TYPE = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"pattern", "format"},
    "number": {"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "integer": {"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "boolean": set(),
    "null": set(),
}
_PERMITTED = _ANYWHERE.union(*_BY_TYPE.values())
_NUMBERS = ("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
DEPTH_MAX, PROPERTIES_MAX, ENUM_VALUES_MAX = 10, 5_000, 1_000

Path = tuple[str, ...]


@lru_cache(maxsize=512)
def strict_problem(text: str) -> str:
    """Why strict mode does not take a schema (JSON text), as the API's message ends; empty when it does."""
    schema = orjson.loads(text)
    return next(_problems(schema), "")


def _problems(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."
        return
    yield from _root_problems(schema)
    counts = {"properties": 0, "enum": 0}
    for path, part in _parts(schema, ()):
        if isinstance(part, dict):
            yield from (f"In context={path!r}, {problem}" for problem in _part_problems(part, path, schema))
            properties, values = part.get("properties"), part.get("enum")
            counts["properties"] += len(properties) if isinstance(properties, dict) else 0
            counts["enum"] += len(values) if isinstance(values, list) else 0
        else:
            yield f"In context={path!r}, schema must be an object, got {part!r:.40}."
        if sum(step in ("properties", "items") for step in path) > DEPTH_MAX:
            yield f"{DEPTH_MAX} levels of nesting are allowed, and the schema has more."
    if counts["properties"] > PROPERTIES_MAX:
        yield f"{PROPERTIES_MAX} properties are allowed, and the schema has {counts['properties']}."
    if counts["enum"] > ENUM_VALUES_MAX:
        yield f"{ENUM_VALUES_MAX} enum values are allowed, and the schema has {counts['enum']}."


def _root_problems(schema: dict[str, Any]) -> Iterator[str]:
    if "anyOf" in schema:
        yield "schema must not have 'anyOf' at the top level."
    if "$ref" not in schema and schema.get("type") != "object":
        yield f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."


def _parts(schema: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The schema and all schemas in it, the outer ones first, each with the way to it."""
    yield path, schema
    if not isinstance(schema, dict) or len(path) > 4 * DEPTH_MAX:
        return
    for holder in ("properties", "$defs", "definitions"):
        inner = schema.get(holder)
        for name, part in inner.items() if isinstance(inner, dict) else ():
            yield from _parts(part, (*path, holder, name))
    if "items" in schema:
        yield from _parts(schema["items"], (*path, "items"))
    alternatives = schema.get("anyOf")
    for number, part in enumerate(alternatives if isinstance(alternatives, list) else ()):
        yield from _parts(part, (*path, "anyOf", str(number)))


def _part_problems(part: dict[str, Any], path: Path, root: dict[str, Any]) -> Iterator[str]:
    reference = part.get("$ref")
    if reference is not None:
        others = set(part) - {"$ref"} - (set() if path else {"$defs", "definitions"})
        if others:
            yield f"$ref cannot have keywords {others!r}."
        elif not isinstance(resolved(reference, root), dict):
            yield f"reference to component {reference!r} which was not found in the schema."
        return
    for keyword in part:
        if keyword not in _PERMITTED and not (keyword == "$schema" and not path):
            yield f"'{keyword}' is not permitted."
    yield from _type_problems(part)
    yield from _bound_problems(part)
    if part.get("format") is not None and part["format"] not in FORMATS:
        yield f"'{part['format']}' is not a valid format."
    for keyword in ("enum", "anyOf"):
        if keyword in part and not (isinstance(part[keyword], list) and part[keyword]):
            yield f"'{keyword}' must be an array that is not empty."


def _bound_problems(part: dict[str, Any]) -> Iterator[str]:
    """Keywords whose values are of the wrong kind."""
    for keyword in _NUMBERS:
        value = part.get(keyword, 1)
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"'{keyword}' must be a number."
    for keyword in ("minItems", "maxItems"):
        value = part.get(keyword, 1)
        if type(value) is not int or value < 0:
            yield f"'{keyword}' must be a whole number from 0 on."
    if part.get("multipleOf", 1) == 0:
        yield "'multipleOf' must not be 0."
    try:
        re.compile(part.get("pattern", ""))
    except (re.error, TypeError, RecursionError, OverflowError):
        yield f"{part['pattern']!r} is not a valid pattern."


def _type_problems(part: dict[str, Any]) -> Iterator[str]:
    types = part.get("type")
    known = types if isinstance(types, list) else [types]
    if types is None and not {"anyOf", "enum", "const"} & set(part):
        yield "schema must have a 'type' key."
    elif types is not None and not all(isinstance(one, str) and one in _BY_TYPE for one in known):
        yield f"{types!r} is not a valid type."
    if "object" in known:
        yield from _object_problems(part)
    if "array" in known and "items" not in part:
        yield "array schema missing items."


def _object_problems(part: dict[str, Any]) -> Iterator[str]:
    if part.get("additionalProperties") is not False:
        yield "'additionalProperties' is required to be supplied and to be false."
    properties, required = part.get("properties", {}), part.get("required", [])
    if not isinstance(properties, dict):
        yield "'properties' must be an object."
        return
    start = "'required' is required to be supplied and to be an array including every key in properties."
    if not isinstance(required, list):
        yield start
        return
    for name in properties:
        if name not in required:
            yield f"{start} Missing '{name}'."
    for name in required:
        if name not in properties:
            yield f"{start} Extra required key '{name}' supplied."


def resolved(reference: Any, root: Any) -> Any:
    """What a reference within a schema points to; None for nothing."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found
