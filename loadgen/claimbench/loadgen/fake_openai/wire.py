"""What goes in and out of the core: a request, a response, and how the response is to travel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

import orjson

JsonObject = dict[str, Any]
"""An object of the API, as JSON has it."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
JSON_HEADERS: Mapping[str, str] = MappingProxyType({"content-type": "application/json"})


class Loss(StrEnum):
    """What becomes of the response on its way."""

    NONE = "none"
    RESET = "reset"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an adapter sends the response: the core itself never waits and never breaks a line.

    `delay_s` passes before the head, `chunk_delay_s` before each chunk of the body; only `sent_share`
    (0..1) of the body is sent before the connection breaks. Of a lost response nothing is sent: after
    `delay_s` the connection is reset, or, for a time-out, silent that long.
    """

    loss: Loss = Loss.NONE
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    sent_share: float = 1.0


PROMPT = Delivery()


class ReceivedUpload(Protocol):
    """A body that is on disk already; `size` is that of the whole body in bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One HTTP request. `path` starts with `/v1`; header names are in lower case.

    `body` is bytes, or an upload that was taken apart while it arrived, its file on disk.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    body: "bytes | ReceivedUpload" = b""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One HTTP response. `body` is bytes, or chunks of bytes of `content_length` in all (None: unknown)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    body: bytes | Iterator[bytes] = b""
    content_length: int | None = None
    delivery: Delivery = PROMPT


@dataclass(frozen=True)
class Refusal:
    """An error of the API: the HTTP status, and the four fields that its `error` object always has."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS, hash=False, compare=False)

    def body(self) -> JsonObject:
        """The error object, as responses and error lines carry it."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}

    def response(self) -> ApiResponse:
        """The error as an HTTP response."""
        return ApiResponse(self.status, {**JSON_HEADERS, **self.headers}, orjson.dumps(self.body()))


class Refused(Exception):  # noqa: N818 (an answer of the API, not a failure of ours)
    """Raised inside the core to end a request with an error of the API."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(status: int, message: str, *, param: str | None = None, code: str | None = None) -> Refused:
    """An `invalid_request_error`, ready to be raised."""
    return Refused(Refusal(status, message, param=param, code=code))


@lru_cache(maxsize=1)
def http_date(unix_seconds: int) -> str:
    """A header `Date`."""
    return formatdate(unix_seconds, usegmt=True)


def json_response(value: JsonObject, status: int = 200) -> ApiResponse:
    """An object of the API."""
    return ApiResponse(status, JSON_HEADERS, orjson.dumps(value))


_RETRY_SOON = {"retry-after-ms": "5"}
"""Failures by rate are for measuring pipelines, not the client's patience."""

SERVER_ERROR = Refusal(
    500,
    "The server had an error while processing your request. Sorry about that!",
    type="server_error",
    headers=_RETRY_SOON,
)
OVERLOADED = Refusal(
    503,
    "The engine is currently overloaded, please try again later.",
    type="server_error",
    code="overloaded",
    headers=_RETRY_SOON,
)
BAD_PROMPT = Refusal(
    400,
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy. "
    "Please try again with a different prompt.",
    code="invalid_prompt",
)
RATE_LIMITED = Refusal(
    429,
    "Rate limit reached for requests. Please try again later.",
    type="requests",
    code="rate_limit_exceeded",
    headers=_RETRY_SOON,
)


def refusal_of(status: int, code: str | None = None, message: str | None = None) -> Refusal:
    """A typical error of a status."""
    for known in (SERVER_ERROR, OVERLOADED, BAD_PROMPT, RATE_LIMITED):
        if known.status == status:
            return Refusal(
                status, message or known.message, known.type, None, code or known.code, known.headers
            )
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return Refusal(status, message or f"The request ended with status {status}.", kind, None, code)
