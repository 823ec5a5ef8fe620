"""Reads request bodies: what is asked of the model, and what the API would find wrong with it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from claimbench.loadgen.fake_openai.wire import JsonObject, Refusal


class ModelEndpoint(StrEnum):
    """What a batch may call (`endpoint` of the specification)."""

    RESPONSES = "/v1/responses"
    CHAT = "/v1/chat/completions"
    EMBEDDINGS = "/v1/embeddings"
    COMPLETIONS = "/v1/completions"
    MODERATIONS = "/v1/moderations"
    IMAGES = "/v1/images/generations"
    IMAGE_EDITS = "/v1/images/edits"
    VIDEOS = "/v1/videos"


INPUT_NAME = {
    ModelEndpoint.RESPONSES: "input",
    ModelEndpoint.CHAT: "messages",
    ModelEndpoint.EMBEDDINGS: "input",
    ModelEndpoint.COMPLETIONS: "prompt",
    ModelEndpoint.MODERATIONS: "input",
    ModelEndpoint.IMAGES: "prompt",
    ModelEndpoint.IMAGE_EDITS: "prompt",
    ModelEndpoint.VIDEOS: "prompt",
}
"""The parameter that holds what the model is to work on."""

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
KEYS_LINE = "Answer with the JSON keys: "
"""The last line of a system prompt, by which a prompt tells the fake which JSON keys its answer has."""

_KNOWN_MODEL = re.compile(
    r"(gpt-|chatgpt-|o\d|text-embedding-|text-moderation-|omni-moderation-|davinci-|babbage-|dall-e-|sora-|ft:)"
    r"[\w.:/-]*"
)


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a body asks for, as far as the answer depends on it.

    `keys` are the JSON keys that the prompt names; none: `json` tells whether any JSON is wanted.
    `choices` are the answers wanted, of embeddings one for each input. `completion_tokens_max` is 0 where
    the body sets no limit. `problem` is why the model cannot be asked.
    """

    endpoint: str
    model: str
    keys: tuple[str, ...] = ()
    json: str = ""
    choices: int = 1
    completion_tokens_max: int = 0
    problem: Refusal | None = None


@dataclass(frozen=True, slots=True)
class CountedRequest:
    """A request to the model, and the tokens of its prompt."""

    model_request: ModelRequest
    prompt_tokens: int


def model_is_known(model: str) -> bool:
    """Whether the name has the form of one of OpenAI's models; every one of these is served."""
    return _KNOWN_MODEL.fullmatch(model) is not None


def text_tokens(text: str) -> int:
    """About how many tokens a text has: four characters each (OpenAI's rule of thumb for English)."""
    return (len(text) + 3) // 4


def read_model_request(endpoint: str, body: JsonObject, context_tokens: int) -> CountedRequest:
    """Read a body; the model's name is in it already."""
    if endpoint == ModelEndpoint.CHAT:
        return _read_chat(body, context_tokens)
    given = body.get(INPUT_NAME[ModelEndpoint(endpoint)])
    tokens = _input_tokens(given)
    inputs = _inputs(given) if endpoint == ModelEndpoint.EMBEDDINGS else 1
    problem = _too_long(tokens, context_tokens)
    return CountedRequest(ModelRequest(endpoint, body["model"], choices=inputs, problem=problem), tokens)


def _read_chat(body: JsonObject, context_tokens: int) -> CountedRequest:
    messages = body["messages"]
    problem = _messages_problem(messages)
    tokens = 3 + sum(4 + _content_tokens(one.get("content")) for one in messages) if problem is None else 0
    wanted = _wanted_format(body.get("response_format"))
    if problem is None:
        problem = (
            _format_problem(wanted, messages) or _numbers_problem(body) or _too_long(tokens, context_tokens)
        )
    model_request = ModelRequest(
        ModelEndpoint.CHAT,
        body["model"],
        _keys_asked(messages) if problem is None else (),
        wanted,
        _count(body.get("n"), 1),
        _count(body.get("max_completion_tokens"), 0) or _count(body.get("max_tokens"), 0),
        problem,
    )
    return CountedRequest(model_request, tokens)


def _messages_problem(messages: Any) -> Refusal | None:
    if not isinstance(messages, list):
        return wrong_type("messages", "an array of objects", messages)
    if not messages:
        return Refusal(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    for number, message in enumerate(messages):
        if problem := _message_problem(message, number):
            return problem
    return None


def _message_problem(message: Any, number: int) -> Refusal | None:
    where = f"messages[{number}]"
    if not isinstance(message, dict):
        return wrong_type(where, "an object", message)
    role = message.get("role")
    if role is None:
        return missing_parameter(f"{where}.role")
    if role not in ROLES:
        listed = ", ".join(f"'{known}'" for known in ROLES[:-1])
        return Refusal(
            400,
            f"Invalid value: '{role}'. Supported values are: {listed}, and '{ROLES[-1]}'.",
            param=f"{where}.role",
            code="invalid_value",
        )
    content = message.get("content")
    if content is None and role == "assistant":
        return None
    if not isinstance(content, str | list):
        return wrong_type(f"{where}.content", "one of a string or array of objects", content)
    return None


def names_json(messages: list[JsonObject]) -> bool:
    """Whether the messages hold the word JSON, without which there is no JSON mode."""
    return any("json" in str(one.get("content")).lower() for one in messages)


def _format_problem(wanted: str, messages: list[JsonObject]) -> Refusal | None:
    if wanted != "json_object" or names_json(messages):
        return None
    return Refusal(
        400,
        "'messages' must contain the word 'json' in some form, to use 'response_format' "
        "of type 'json_object'.",
        param="messages",
    )


_RANGES = (
    ("temperature", 0, 2),
    ("top_p", 0, 1),
    ("presence_penalty", -2, 2),
    ("frequency_penalty", -2, 2),
    ("n", 1, 128),
    ("max_tokens", 1, 2**31),
    ("max_completion_tokens", 1, 2**31),
)


def _numbers_problem(body: JsonObject) -> Refusal | None:
    for name, low, high in _RANGES:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            return wrong_type(name, "a number", value)
        if not low <= value <= high:
            side, sign, bound = ("below minimum", ">=", low) if value < low else ("above maximum", "<=", high)
            return Refusal(
                400,
                f"Invalid '{name}': number {side} value. Expected a value {sign} {bound}, "
                f"but got {value} instead.",
                param=name,
                code=f"number_{side.replace(' ', '_')}_value",
            )
    return None


def _too_long(tokens: int, context_tokens: int) -> Refusal | None:
    if tokens <= context_tokens:
        return None
    return Refusal(
        400,
        f"This model's maximum context length is {context_tokens} tokens. However, your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages.",
        param="messages",
        code="context_length_exceeded",
    )


def _wanted_format(response_format: Any) -> str:
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    return kind if isinstance(kind, str) else ""


def _keys_asked(messages: list[JsonObject]) -> tuple[str, ...]:
    for message in messages:
        content = message.get("content")
        if message["role"] in ("system", "developer") and isinstance(content, str):
            keys = _keys_line(content)
            if keys:
                return keys
    return ()


@lru_cache(maxsize=512)
def _keys_line(system_prompt: str) -> tuple[str, ...]:
    last = system_prompt.rstrip("\n").rpartition("\n")[2]
    if not last.startswith(KEYS_LINE):
        return ()
    return tuple(key.strip() for key in last.removeprefix(KEYS_LINE).split(",") if key.strip())


def _inputs(value: Any) -> int:
    """How many texts an `input` holds: a text, an array of tokens, or an array of either."""
    if not isinstance(value, list) or all(type(one) is int for one in value):
        return 1
    return len(value)


def _content_tokens(content: Any) -> int:
    if isinstance(content, str):
        return (len(content) + 3) // 4
    if not isinstance(content, list):
        return 0
    return sum(text_tokens(str(part.get("text", ""))) for part in content if isinstance(part, dict))


def _input_tokens(value: Any) -> int:
    if isinstance(value, str):
        return text_tokens(value)
    if isinstance(value, list):
        return sum(1 if isinstance(item, int) else _input_tokens(item) for item in value)
    if isinstance(value, dict):
        return _input_tokens(value.get("content", value.get("text")))
    return 0


def _count(value: Any, default: int) -> int:
    return value if type(value) is int and 0 < value < 2**31 else default


def missing_parameter(name: str) -> Refusal:
    """The answer to a parameter that is not there."""
    return Refusal(
        400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
    )


def wrong_type(name: str, expected: str, value: Any) -> Refusal:
    """The answer to a parameter of a type that it cannot have."""
    return Refusal(
        400,
        f"Invalid type for '{name}': expected {expected}, but got {type_name(value)} instead.",
        param=name,
        code="invalid_type",
    )


def type_name(value: Any) -> str:
    """What the API calls the type of a JSON value."""
    names = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string", list: "an array"}
    return names.get(type(value), "null" if value is None else "an object")
