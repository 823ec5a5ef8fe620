"""Reads an uploaded batch file once: finds every mistake, and keeps of each line what is needed later."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from claimbench.loadgen.fake_openai.asks import (
    INPUT_NAME,
    Ask,
    Endpoint,
    missing_parameter,
    model_is_known,
    read_ask,
    type_name,
)
from claimbench.loadgen.fake_openai.canonical import DIGEST_BYTES, digest, text_digest
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.line_mold import LineMold, take_mold
from claimbench.loadgen.fake_openai.wire import JsonObject


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One entry of a failed batch's `errors`: `line` counts from 1, and is None for the whole file's."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class LineIndex:
    """What is known of a file's n requests, in the file's order.

    `offsets`, `lengths`: bytes in the file. `digests`: 16 bytes each, of the canonical body. `identities`:
    hashes of custom id and body. `ask_numbers` points into `asks`. `problems` do not depend on the batch.
    """

    offsets: "array[int]"
    lengths: "array[int]"
    digests: bytes
    identities: "array[int]"
    ask_numbers: "array[int]"
    prompt_tokens: "array[int]"
    asks: tuple[Ask, ...]
    problems: tuple[LineProblem, ...]
    line_numbers: "array[int]"
    parsed_lines: int

    def __len__(self) -> int:
        return len(self.offsets)

    def digest(self, position: int) -> bytes:
        """The digest of one request's canonical body."""
        return self.digests[position * DIGEST_BYTES : (position + 1) * DIGEST_BYTES]

    def ask(self, position: int) -> Ask:
        """What one request asks."""
        return self.asks[self.ask_numbers[position]]

    @property
    def model(self) -> str | None:
        """The model that all requests name; None for an empty file."""
        return self.asks[0].model if self.asks else None

    @cached_property
    def total_prompt_tokens(self) -> int:
        """The prompt tokens of all requests together."""
        return sum(self.prompt_tokens)

    @property
    def embedding_inputs(self) -> int:
        """How many texts all requests together want embedded."""
        counts = [ask.choices if ask.endpoint == Endpoint.EMBEDDINGS else 0 for ask in self.asks]
        return sum(counts[number] for number in self.ask_numbers) if any(counts) else 0

    def problems_for(self, endpoint: str) -> tuple[LineProblem, ...]:
        """All that a batch of this endpoint finds wrong, in the order of the lines."""
        if all(ask.endpoint == endpoint for ask in self.asks):
            return self.problems
        stray = (
            LineProblem("invalid_url", _WRONG_URL, "url", self.line_numbers[position])
            for position in range(len(self))
            if self.ask(position).endpoint != endpoint
        )
        worst = {problem.line: problem for problem in (*self.problems, *stray)}
        return tuple(sorted(worst.values(), key=lambda problem: problem.line or 0))


_MOLDS_MAX = 16
_WRONG_URL = "The URL provided for this request does not match the batch endpoint."


class NotUtf8Error(ValueError):
    """The file is not text in UTF-8, which the API finds out at upload."""


class _LineMistake(Exception):  # noqa: N818 (a finding, not a failure)
    def __init__(self, problem: LineProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class LineIndexer:
    """Builds an index from the lines of a file, given one by one with their line ends."""

    def __init__(self, limits: Limits) -> None:
        self._requests_max, self._context_tokens = limits.requests_per_batch, limits.context_tokens
        self._offsets, self._lengths = array("Q"), array("L")
        self._digests = bytearray()
        self._identities, self._ask_numbers = array("q"), array("L")
        self._prompt_tokens, self._line_numbers = array("L"), array("L")
        self._molds: list[LineMold] = []
        self._asks: dict[Ask, int] = {}
        self._latest_ask: Ask | None = None
        self._latest_number = 0
        self._model: str | None = None
        self._problems: list[LineProblem] = []
        self._custom_ids: set[str] = set()
        self._parsed = 0

    def index(self, lines: Iterable[bytes]) -> LineIndex:
        """Read all lines. NotUtf8Error when one is not UTF-8."""
        offset = 0
        for number, line in enumerate(lines, start=1):
            if not self._fits(line) and not line.isspace():
                try:
                    self._read_slowly(line)
                except _LineMistake as mistake:
                    found = mistake.problem
                    self._problems.append(LineProblem(found.code, found.message, found.param, number))
            if len(self._offsets) < len(self._prompt_tokens):
                self._offsets.append(offset)
                self._lengths.append(len(line))
                self._line_numbers.append(number)
            offset += len(line)
        return self._result()

    def _fits(self, line: bytes) -> bool:
        """Take a line that a mold reads and in which nothing is wrong; the rest is looked at slowly."""
        for mold in self._molds:
            filling = mold.filling(line)
            if filling is None:
                continue
            custom_id, text = filling
            tokens = mold.frame.prompt_tokens + (len(text) + 3) // 4
            if tokens > self._context_tokens or custom_id in self._custom_ids:
                return False
            self._parsed += 1
            self._take(custom_id, mold.frame.ask, tokens, text_digest(mold.frame.digest, text))
            return True
        return False

    def _read_slowly(self, line: bytes) -> None:
        """Check one thing after the other, in the order in which the API names them."""
        request = self._parsed_line(line)
        custom_id = _text(request, "custom_id")
        if _text(request, "method") != "POST":
            message = "Invalid value for 'method'. Supported values are: 'POST'."
            raise _mistake("invalid_value", message, "method")
        url = _text(request, "url")
        if url not in INPUT_NAME:
            raise _mistake("invalid_url", _WRONG_URL, "url")
        body = _body(request, url)
        asked = read_ask(url, body, self._context_tokens)
        self._check_model(asked.ask.model)
        if custom_id in self._custom_ids:
            raise _mistake("duplicate_custom_id", _duplicate(custom_id), "custom_id")
        try:
            self._take(custom_id, asked.ask, asked.prompt_tokens, digest(body))
        except TypeError as error:  # nested too deeply to be written again
            raise _not_json() from error
        if url == Endpoint.CHAT and asked.ask.problem is None and len(self._molds) < _MOLDS_MAX:
            mold = take_mold(line, request, asked)
            self._molds += [mold] if mold else []

    def _take(self, custom_id: str, ask: Ask, prompt_tokens: int, body_digest: bytes) -> None:
        self._custom_ids.add(custom_id)
        if ask is not self._latest_ask:
            self._latest_ask = ask
            self._latest_number = self._asks.setdefault(ask, len(self._asks))
        self._ask_numbers.append(self._latest_number)
        self._prompt_tokens.append(prompt_tokens)
        self._digests += body_digest
        self._identities.append(hash((custom_id, body_digest)))

    def _check_model(self, model: str) -> None:
        """The first line's model is the batch's."""
        if self._model not in (None, model):
            raise _mistake("mismatched_model", _mismatched(model), "body.model")
        self._model = model

    def _parsed_line(self, line: bytes) -> JsonObject:
        try:
            request = orjson.loads(line)
        except ValueError as error:
            _check_utf8(line)
            raise _not_json() from error
        self._parsed += 1
        if not isinstance(request, dict):
            raise _mistake("invalid_request", "Each line must be a JSON object.")
        return request

    def _result(self) -> LineIndex:
        count, limit = len(self._offsets) + len(self._problems), self._requests_max
        if count > limit:
            message = f"The batch contains {count:,} requests, more than the limit of {limit:,} requests."
            self._problems.insert(0, LineProblem("too_many_tasks", message))
        return LineIndex(
            self._offsets,
            self._lengths,
            bytes(self._digests),
            self._identities,
            self._ask_numbers,
            self._prompt_tokens,
            tuple(self._asks),
            tuple(self._problems),
            self._line_numbers,
            self._parsed,
        )


def _body(request: JsonObject, url: str) -> JsonObject:
    body = request.get("body")
    if body is None:
        raise _missing("body")
    if not isinstance(body, dict):
        raise _mistyped("body", "an object", body)
    model = body.get("model")
    if not model:
        raise _mistake("invalid_request", "Model parameter is required.", "body.model")
    if not isinstance(model, str):
        raise _mistyped("body.model", "a string", model)
    needed = INPUT_NAME[Endpoint(url)]
    if needed not in body:
        name = needed.capitalize()
        raise _mistake("invalid_request", f"{name} parameter is required.", f"body.{needed}")
    if body.get("stream"):
        message = "Chat Completions: Streaming is not supported in the Batch API."
        raise _mistake("streaming_unsupported", message, "body.stream")
    if not model_is_known(model):
        message = f"The provided model '{model}' is not supported by the Batch API."
        raise _mistake("model_not_found", message, "body.model")
    return body


def _text(request: JsonObject, name: str) -> str:
    value = request.get(name)
    if value is None or value == "":
        raise _missing(name)
    if not isinstance(value, str):
        raise _mistyped(name, "a string", value)
    return value


def _not_json() -> _LineMistake:
    return _mistake("invalid_json_line", "This line is not parseable as valid JSON.")


def _check_utf8(line: bytes) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise NotUtf8Error from error


def _mistake(code: str, message: str, param: str | None = None) -> _LineMistake:
    return _LineMistake(LineProblem(code, message, param))


def _missing(name: str) -> _LineMistake:
    return _mistake("missing_required_parameter", missing_parameter(name).message, name)


def _mistyped(name: str, expected: str, value: Any) -> _LineMistake:
    message = f"Invalid type for '{name}': expected {expected}, but got {type_name(value)} instead."
    return _mistake("invalid_type", message, name)


def _duplicate(custom_id: str) -> str:
    return (
        f"The custom_id '{custom_id}' for this request is a duplicate of another request. "
        "The custom_id parameter must be unique for each request in a batch."
    )


def _mismatched(model: str) -> str:
    return (
        f"The model '{model}' for this request does not match the rest of the batch. "
        "Each batch must contain requests for a single model."
    )
