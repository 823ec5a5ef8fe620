"""Reads the parameters of requests, and answers with pages of lists."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs

from claimbench.loadgen.fake_openai.canonical import parse_object
from claimbench.loadgen.fake_openai.model_requests import missing_parameter, wrong_type
from claimbench.loadgen.fake_openai.wire import JsonObject, Refused, refuse

EXPIRY_MIN_S, EXPIRY_MAX_S = 3_600, 2_592_000


def read_json(raw: bytes) -> JsonObject:
    """The JSON object that a body holds. Refused (400) when it holds none."""
    try:
        value = parse_object(raw)
    except ValueError as error:
        raise refuse(400, "We could not parse the JSON body of your request.") from error
    if value is None:
        raise refuse(400, "The body of your request must be a JSON object.")
    return value


def query_values(query: str) -> dict[str, str]:
    """The last value of each query parameter; what cannot be read is not there."""
    try:
        parsed = parse_qs(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in parsed.items()}


def page_size(values: dict[str, str], default: int, largest: int) -> int:
    """The parameter `limit`. Refused (400) when it is out of range."""
    text = values.get("limit")
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= number <= largest:
        message = (
            f"Invalid value for 'limit': expected an integer between 1 and {largest}, but got '{text[:40]}'."
        )
        raise refuse(400, message, param="limit", code="invalid_value")
    return number


def required_text(body: JsonObject, name: str) -> str:
    """A string that must be there and not be empty. Refused (400) otherwise."""
    value = body.get(name)
    if value is None or value == "":
        raise Refused(missing_parameter(name))
    if not isinstance(value, str):
        raise Refused(wrong_type(name, "a string", value))
    return value


def one_of(value: str, choices: Iterable[str], name: str) -> str:
    """A string out of a fixed set. Refused (400) otherwise."""
    known = list(choices)
    if value not in known:
        listed = ", ".join(f"'{choice}'" for choice in known)
        message = f"Invalid value: '{value[:200]}'. Supported values are: {listed}."
        raise refuse(400, message, param=name, code="invalid_value")
    return value


def read_metadata(value: Any) -> dict[str, str] | None:
    """Up to 16 pairs; keys up to 64 and values up to 512 characters. Refused (400) otherwise."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused(wrong_type("metadata", "an object", value))
    if len(value) > 16:
        message = (
            f"Invalid 'metadata': too many properties. Expected at most 16, but got {len(value)} instead."
        )
        raise refuse(400, message, param="metadata", code="object_above_max_properties")
    for key, text in value.items():
        _check_pair(key, text)
    return value


def _check_pair(key: str, text: Any) -> None:
    where = f"metadata.{key[:64]}"
    if not isinstance(text, str):
        raise Refused(wrong_type(where, "a string", text))
    for part, longest in ((key, 64), (text, 512)):
        if len(part) > longest:
            message = (
                f"Invalid '{where}': string too long. Expected at most {longest} characters, got {len(part)}."
            )
            raise refuse(400, message, param=where, code="string_above_max_length")


def read_expiry(value: Any, name: str) -> int | None:
    """The seconds of an `expires_after` object, whose anchor is the creation. Refused (400) when wrong."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused(wrong_type(name, "an object", value))
    if value.get("anchor") != "created_at":
        raise refuse(
            400,
            "Supported values for the anchor are: 'created_at'.",
            param=f"{name}.anchor",
            code="invalid_value",
        )
    seconds = value.get("seconds")
    if type(seconds) is not int:
        raise Refused(wrong_type(f"{name}.seconds", "an integer", seconds))
    if not EXPIRY_MIN_S <= seconds <= EXPIRY_MAX_S:
        message = (
            f"Invalid '{name}.seconds': expected {EXPIRY_MIN_S} to {EXPIRY_MAX_S}, but got {seconds} instead."
        )
        raise refuse(400, message, param=f"{name}.seconds", code="invalid_value")
    return seconds


class Listed(Protocol):
    """Something with an id."""

    @property
    def id(self) -> str:
        """The cursor that stands for it."""


Item = TypeVar("Item", bound=Listed)


def page_of(
    items: Sequence[Item], after: str | None, limit: int, shown: Callable[[Item], JsonObject]
) -> JsonObject:
    """The items behind the cursor `after`, at most `limit`. Refused (400) when no item has that id."""
    start = 0
    if after:
        places = [place for place, item in enumerate(items) if item.id == after]
        if not places:
            raise refuse(
                400, f"Invalid value for 'after': there is no '{after[:100]}' in this list.", param="after"
            )
        start = places[0] + 1
    page = items[start : start + limit]
    return {
        "object": "list",
        "data": [shown(item) for item in page],
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
        "has_more": start + limit < len(items),
    }
