"""Texts with placeholders, from which each request of a load draws its own: `{int:1..9}`, `{pick:red|green}`.

Pure and seeded, so the same arrival draws the same text in every process. `{{` and `}}` are braces. A text
that is one placeholder alone keeps its type: `{int:1..9}` is a number of JSON, `no {int:1..9}` a text.
No message repeats a text, because it may hold a secret.
"""

import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

WORDS = (
    "hello", "order", "parcel", "invoice", "refund", "late", "please", "thanks", "account", "password",
    "delivery", "broken", "colour", "size", "address", "change", "cancel", "subscription", "price", "again",
    "question", "great", "terrible", "quick", "waiting", "today", "tomorrow",
)  # fmt: skip

ENVIRONMENT = "env"
"""`{env:NAME}` is the value of an environment variable, put in before anything is drawn."""

_TOKENS = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+|.", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACES = {"{{": "{", "}}": "}"}
_UUID_BITS = 128


@dataclass(frozen=True, slots=True)
class Arrival:
    """What placeholders are filled from: the arrival's position, its own chance, and the run's own word."""

    position: int
    run: str
    chance: random.Random


Filling = Callable[[Arrival], JsonValue]


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """Plain texts and placeholders in their order."""

    parts: tuple[str | Filling, ...]

    def text(self, arrival: Arrival, quoted: Callable[[str], str] = str) -> str:
        """The whole text; `quoted` is applied to what was drawn, not to what the plan says itself."""
        return "".join(
            part if isinstance(part, str) else quoted(_plain(part(arrival))) for part in self.parts
        )

    def value(self, arrival: Arrival) -> JsonValue:
        """What one placeholder alone draws, in its own type; else the text."""
        if len(self.parts) == 1 and not isinstance(self.parts[0], str):
            return self.parts[0](arrival)
        return self.text(arrival)


def _plain(value: JsonValue) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def template_of(text: str) -> TextTemplate:
    """ValueError names the placeholder's kind and says what would be right."""
    return TextTemplate(tuple(_BRACES.get(token) or _part(token) for token in _TOKENS.findall(text)))


def _part(token: str) -> str | Filling:
    if token[0] not in "{}":
        return token
    kind, colon, argument = token[1:-1].partition(":")
    if len(token) < 2 or token[0] == "}":
        raise ValueError("a brace that belongs to no placeholder: write {{ or }} for a brace")
    make = _FILLINGS.get(kind)
    if make is None:
        raise ValueError(f"no placeholder: known are {_KNOWN}, and {{{{ is a brace")
    filling = make(argument) if bool(colon) is (kind in _WITH_ARGUMENT) else None
    if filling is None:
        raise ValueError(f"the placeholder {kind} is not complete: write {_EXAMPLES[kind]}")
    return filling


def _integers(argument: str) -> Filling | None:
    found = re.fullmatch(r"(-?\d{1,18})\.\.(-?\d{1,18})", argument)
    if not found or int(found[1]) > int(found[2]):
        return None
    low, high = int(found[1]), int(found[2])
    return lambda arrival: arrival.chance.randint(low, high)


def _decimals(argument: str) -> Filling | None:
    found = re.fullmatch(r"(-?\d{1,15}(?:\.\d{1,9})?)\.\.(-?\d{1,15}(?:\.\d{1,9})?)", argument)
    if not found or float(found[1]) > float(found[2]):
        return None
    low, high = float(found[1]), float(found[2])
    return lambda arrival: round(arrival.chance.uniform(low, high), 6)


def _choice(argument: str) -> Filling | None:
    choices = argument.split("|")
    return (lambda arrival: arrival.chance.choice(choices)) if all(choices) else None


def _words(argument: str) -> Filling | None:
    found = re.fullmatch(r"(\d{1,4})\.\.(\d{1,4})", argument)
    if not found or int(found[1]) > int(found[2]):
        return None
    low, high = int(found[1]), int(found[2])
    return lambda arrival: " ".join(arrival.chance.choices(WORDS, k=arrival.chance.randint(low, high)))


def _hexadecimal(argument: str) -> Filling | None:
    if not re.fullmatch(r"[1-9]\d{0,2}", argument):
        return None
    digits = int(argument)
    return lambda arrival: f"{arrival.chance.getrandbits(4 * digits):0{digits}x}"


def _variable(argument: str) -> Filling | None:
    return _unset if _VARIABLE.fullmatch(argument) else None


def _unset(_: Arrival) -> JsonValue:
    raise LookupError("a plan's environment is put in before its requests are drawn")


_EXAMPLES = {
    "int": "{int:1..100}",
    "float": "{float:0.5..2}",
    "pick": "{pick:red|green}",
    "words": "{words:3..8}",
    "hex": "{hex:16}",
    ENVIRONMENT: "{env:NAME}",
    "uuid": "{uuid}",
    "bool": "{bool}",
    "null": "{null}",
    "position": "{position}",
    "run": "{run}",
}
_KNOWN = ", ".join(_EXAMPLES.values())
_WITH_ARGUMENT = frozenset({"int", "float", "pick", "words", "hex", ENVIRONMENT})
_FILLINGS: Mapping[str, Callable[[str], Filling | None]] = {
    "int": _integers,
    "float": _decimals,
    "pick": _choice,
    "words": _words,
    "hex": _hexadecimal,
    ENVIRONMENT: _variable,
    "uuid": lambda _: lambda arrival: str(uuid.UUID(int=arrival.chance.getrandbits(_UUID_BITS), version=4)),
    "bool": lambda _: lambda arrival: arrival.chance.random() < 0.5,
    "null": lambda _: lambda _: None,
    "position": lambda _: lambda arrival: arrival.position,
    "run": lambda _: lambda arrival: arrival.run,
}

JsonTemplate = TextTemplate | dict[str, "JsonTemplate"] | list["JsonTemplate"] | int | float | bool | None
"""A JSON value whose texts are templates; keys stay as they are."""


def json_template(value: JsonValue, place: str = "") -> JsonTemplate:
    """ValueError names the place in the value."""
    if isinstance(value, dict):
        return {key: json_template(each, f"{place}{key}.") for key, each in value.items()}
    if isinstance(value, list):
        return [json_template(each, f"{place}{position}.") for position, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return template_of(value)
    except ValueError as error:
        raise ValueError(f"{place.rstrip('.')}: {error}" if place else str(error)) from None


def json_drawn(template: JsonTemplate, arrival: Arrival) -> JsonValue:
    """The value of this arrival."""
    if isinstance(template, TextTemplate):
        return template.value(arrival)
    if isinstance(template, dict):
        return {key: json_drawn(each, arrival) for key, each in template.items()}
    if isinstance(template, list):
        return [json_drawn(each, arrival) for each in template]
    return template


def variables(value: JsonValue) -> frozenset[str]:
    """The environment variables that a text, or any text in a JSON value, names."""
    if isinstance(value, dict):
        return frozenset().union(*(variables(each) for each in value.values()))
    if isinstance(value, list):
        return frozenset().union(*(variables(each) for each in value))
    tokens = _TOKENS.findall(value) if isinstance(value, str) else ()
    return frozenset(token[5:-1] for token in tokens if token.startswith(f"{{{ENVIRONMENT}:"))


def with_environment(value: JsonValue, environment: Mapping[str, str]) -> JsonValue:
    """The same with every variable's value in its place, as a plain text."""
    if isinstance(value, dict):
        return {key: with_environment(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [with_environment(each, environment) for each in value]
    if not isinstance(value, str):
        return value
    return "".join(
        environment[token[5:-1]].replace("{", "{{").replace("}", "}}")
        if token.startswith(f"{{{ENVIRONMENT}:")
        else token
        for token in _TOKENS.findall(value)
    )
