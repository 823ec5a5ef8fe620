"""Reads request bodies: what is asked of the model, and what the API would find wrong with it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from claimbench.loadgen.fake_openai.wire import Refusal


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


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the answer may call, and the JSON schema of its parameters as text."""

    name: str
    schema: str


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a body asks for, as far as the answer depends on it.

    `keys` are the JSON keys that the prompt names; none: `json` tells whether any JSON is wanted, and
    `schema` which (JSON text). `functions` are those that the answer calls one of, `is_forced_call` when the
    request named it. `choices` are the answers wanted, of embeddings one for each input.
    `completion_tokens_max` is 0 where the body sets no limit. `effort` is that of reasoning. `width` and
    `encoding` are of embeddings. `stops` are texts that end an answer, `top_logprobs` how many rivals of
    each token are told (-1: not even the token). `problem` is why the model cannot be asked.
    """

    endpoint: str
    model: str
    keys: tuple[str, ...] = ()
    json: str = ""
    choices: int = 1
    completion_tokens_max: int = 0
    problem: Refusal | None = None
    schema: str = ""
    functions: tuple[Function, ...] = ()
    is_forced_call: bool = False
    effort: str = ""
    width: int = 0
    encoding: str = "float"
    stops: tuple[str, ...] = ()
    top_logprobs: int = -1


@dataclass(frozen=True, slots=True)
class CountedRequest:
    """A request to the model, and the tokens of its prompt."""

    model_request: ModelRequest
    prompt_tokens: int


def text_tokens(text: str) -> int:
    """About how many tokens a text has: four characters each (OpenAI's rule of thumb for English)."""
    return (len(text) + 3) // 4


def content_tokens(content: Any) -> int:
    """The tokens of a message's content: a text, or an array of parts."""
    if isinstance(content, str):
        return (len(content) + 3) // 4
    if not isinstance(content, list):
        return 0
    return sum(text_tokens(str(part.get("text", ""))) for part in content if isinstance(part, dict))


def input_tokens(value: Any) -> int:
    """The tokens of an `input` or `prompt`: a text, tokens, or an array of either or of items."""
    if isinstance(value, str):
        return text_tokens(value)
    if isinstance(value, list):
        return sum(1 if isinstance(item, int) else input_tokens(item) for item in value)
    if isinstance(value, dict):
        return input_tokens(value.get("content", value.get("text", value.get("output"))))
    return 0


def invalid_value(name: str, message: str, code: str | None = "invalid_value") -> Refusal:
    """The answer to a parameter that has a value which it cannot have."""
    return Refusal(400, message, param=name, code=code)


def too_long(tokens: int, context_tokens: int, name: str) -> Refusal | None:
    """The answer to a prompt that is longer than the model's context."""
    if tokens <= context_tokens:
        return None
    return invalid_value(
        name,
        f"This model's maximum context length is {context_tokens} tokens. However, your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages.",
        "context_length_exceeded",
    )


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
