"""What is wrong with a line of a batch file or with a whole batch, in the words of the API."""

from dataclasses import dataclass
from typing import Any

import orjson

from claimbench.loadgen.fake_openai.canonical import digest
from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.model_requests import (
    INPUT_NAME,
    CountedRequest,
    ModelEndpoint,
    missing_parameter,
    type_name,
)
from claimbench.loadgen.fake_openai.request_reading import read_model_request
from claimbench.loadgen.fake_openai.wire import JsonObject

WRONG_URL = "The URL provided for this request does not match the batch endpoint."


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One entry of a failed batch's `errors`: `line` counts from 1, and is None for the whole file's."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


class NotUtf8Error(ValueError):
    """The file is not text in UTF-8, which the API finds out at upload."""


class LineMistake(Exception):  # noqa: N818 (a finding, not a failure)
    """A rule that a line breaks; the problem does not know its line yet."""

    def __init__(self, problem: LineProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line that is good by itself, and the digest of its canonical body."""

    request: JsonObject
    custom_id: str
    url: str
    counted: CountedRequest
    digest: bytes


def parse_line(line: bytes) -> Any:
    """The JSON value of a line. LineMistake when it is none, NotUtf8Error when it is no text at all."""
    try:
        return orjson.loads(line)
    except ValueError as error:
        _check_utf8(line)
        raise _not_json() from error


def read_request(request: Any, limits: Limits) -> ReadLine:
    """Check a line's value by all rules that need no other line. LineMistake names the first one broken."""
    if not isinstance(request, dict):
        raise mistake("invalid_request", "Each line must be a JSON object.")
    custom_id = _text(request, "custom_id")
    if _text(request, "method") != "POST":
        message = "Invalid value for 'method'. Supported values are: 'POST'."
        raise mistake("invalid_value", message, "method")
    url = limits.dialect.endpoint_of(_text(request, "url"))
    if url not in INPUT_NAME:
        raise mistake("invalid_url", WRONG_URL, "url")
    body = _body(request, url, limits.dialect)
    try:
        return ReadLine(
            request, custom_id, url, read_model_request(url, body, limits.context_tokens), digest(body)
        )
    except TypeError as error:  # nested too deeply to be written again
        raise _not_json() from error


def _body(request: JsonObject, url: str, dialect: Dialect) -> JsonObject:
    body = request.get("body")
    if body is None:
        raise _missing("body")
    if not isinstance(body, dict):
        raise _mistyped("body", "an object", body)
    model = body.get("model")
    if not model:
        raise mistake("invalid_request", "Model parameter is required.", "body.model")
    if not isinstance(model, str):
        raise _mistyped("body.model", "a string", model)
    needed = INPUT_NAME[ModelEndpoint(url)]
    if needed not in body:
        name = needed.capitalize()
        raise mistake("invalid_request", f"{name} parameter is required.", f"body.{needed}")
    if body.get("stream"):
        message = "Chat Completions: Streaming is not supported in the Batch API."
        raise mistake("streaming_unsupported", message, "body.stream")
    if not dialect.serves(model):
        message = f"The provided model '{model}' is not supported by the Batch API."
        raise mistake("model_not_found", message, "body.model")
    return body


def _text(request: JsonObject, name: str) -> str:
    value = request.get(name)
    if value is None or value == "":
        raise _missing(name)
    if not isinstance(value, str):
        raise _mistyped(name, "a string", value)
    return value


def _not_json() -> LineMistake:
    return mistake("invalid_json_line", "This line is not parseable as valid JSON.")


def _check_utf8(line: bytes) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise NotUtf8Error from error


def mistake(code: str, message: str, param: str | None = None) -> LineMistake:
    """A broken rule, ready to be raised."""
    return LineMistake(LineProblem(code, message, param))


def _missing(name: str) -> LineMistake:
    return mistake("missing_required_parameter", missing_parameter(name).message, name)


def _mistyped(name: str, expected: str, value: Any) -> LineMistake:
    message = f"Invalid type for '{name}': expected {expected}, but got {type_name(value)} instead."
    return mistake("invalid_type", message, name)


def duplicate(custom_id: str) -> LineMistake:
    """The mistake of a custom id that another line has."""
    message = (
        f"The custom_id '{custom_id}' for this request is a duplicate of another request. "
        "The custom_id parameter must be unique for each request in a batch."
    )
    return mistake("duplicate_custom_id", message, "custom_id")


def mismatched(model: str) -> LineMistake:
    """The mistake of a model that is not the first line's."""
    message = (
        f"The model '{model}' for this request does not match the rest of the batch. "
        "Each batch must contain requests for a single model."
    )
    return mistake("mismatched_model", message, "body.model")


ORGANIZATION = "org-claimbenchfakeopenai00000"

_TYPICAL = {
    "invalid_json_line": LineProblem(
        "invalid_json_line", "This line is not parseable as valid JSON.", None, 1
    ),
    "missing_required_parameter": LineProblem(
        "missing_required_parameter", "Missing required parameter: 'custom_id'.", "custom_id", 1
    ),
    "invalid_url": LineProblem(
        "invalid_url", "The URL provided for this request does not match the batch endpoint.", "url", 1
    ),
    "model_not_found": LineProblem(
        "model_not_found", "The provided model 'x' is not supported by the Batch API.", "body.model", 1
    ),
    "streaming_unsupported": LineProblem(
        "streaming_unsupported",
        "Chat Completions: Streaming is not supported in the Batch API.",
        "body.stream",
        1,
    ),
    "duplicate_custom_id": LineProblem(
        "duplicate_custom_id",
        "The custom_id 'x' for this request is a duplicate of another request. "
        "The custom_id parameter must be unique for each request in a batch.",
        "custom_id",
        2,
    ),
    "mismatched_model": LineProblem(
        "mismatched_model",
        "The model 'x' for this request does not match the rest of the batch. "
        "Each batch must contain requests for a single model.",
        "body.model",
        2,
    ),
    "too_many_tasks": LineProblem(
        "too_many_tasks", "The batch contains 50,001 requests, more than the limit of 50,000 requests."
    ),
}


def problem_of(code: str, file_id: str) -> LineProblem:
    """A typical problem with this code, for batches that are made to fail on purpose."""
    if code == "invalid_request":
        return cannot_find_file(file_id)
    if code == "token_limit_exceeded":
        return token_limit("gpt-4o-mini", 2_000_000)
    return _TYPICAL.get(code) or LineProblem(code, f"The batch failed with code '{code}'.")


def cannot_find_file(file_id: str) -> LineProblem:
    """A missing input file, which the API finds out only after the batch was created."""
    message = f"Cannot find file {file_id[:100]}, or organization {ORGANIZATION} does not have access to it."
    return LineProblem("invalid_request", message, "file_id")


def wrong_purpose(file_id: str, purpose: str) -> LineProblem:
    """An input file that was uploaded for something else."""
    message = f"File {file_id} was uploaded with purpose '{purpose}'; a batch needs purpose 'batch'."
    return LineProblem("invalid_request", message, "file_id")


def too_many_inputs(inputs: int, limit: int) -> LineProblem:
    """Too many texts to embed in one batch."""
    message = f"The batch contains {inputs:,} embedding inputs, more than the limit of {limit:,} inputs."
    return LineProblem("too_many_tasks", message)


def request_limit(model: str, limit: int) -> LineProblem:
    """Too many requests in the open batches of one model."""
    message = (
        f"Enqueued request limit reached for {model} in organization {ORGANIZATION}. Limit: {limit:,} "
        "enqueued requests. Please try again once some in_progress batches have been completed."
    )
    return LineProblem("request_limit_exceeded", message)


def token_limit(model: str, limit: int) -> LineProblem:
    """Too many prompt tokens in the open batches of one model."""
    message = (
        f"Enqueued token limit reached for {model} in organization {ORGANIZATION}. Limit: {limit:,} enqueued "
        "tokens. Please try again once some in_progress batches have been completed."
    )
    return LineProblem("token_limit_exceeded", message)
