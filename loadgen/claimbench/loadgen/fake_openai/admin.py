"""The server's own paths below `/_fake`: its meters, its clock, and a fresh start."""

from collections.abc import Callable
from typing import Protocol

import orjson

from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.meters import Meters, ModelCall, ModelCallKind
from claimbench.loadgen.fake_openai.wire import (
    ApiRequest,
    ApiResponse,
    JsonObject,
    Refused,
    json_response,
    refuse,
)

PREFIX = "/_fake"


class ServerClock(Protocol):
    """The clock of a server."""

    def now(self) -> float:
        """Unix seconds."""

    def set(self, unix_seconds: float) -> None:
        """Move it. Refused (409) when it goes by itself."""


class Admin:
    """Answers `GET clock | meters | submitted` and `POST clock | reset | meters/reset`, without a key."""

    def __init__(self, fake: FakeOpenAI, clock: ServerClock) -> None:
        self._fake, self._clock = fake, clock
        self._operations: dict[str, Callable[[ApiRequest], ApiResponse]] = {
            "GET /clock": self._tell_time,
            "POST /clock": self._set_time,
            "GET /meters": self._meters,
            "GET /submitted": self._submitted,
            "POST /reset": self._reset,
            "POST /meters/reset": self._reset_meters,
        }

    def owns(self, path: str) -> bool:
        """Whether the path is one of the server's own."""
        return path == PREFIX or path.startswith(f"{PREFIX}/")

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer; 404 for what is not there."""
        operation = self._operations.get(f"{request.method} {request.path.removeprefix(PREFIX)}")
        try:
            if operation is None:
                raise refuse(404, f"There is no {request.method[:20]} {request.path[:200]}.")
            return operation(request)
        except Refused as refused:
            return refused.refusal.response()

    def _tell_time(self, _: ApiRequest) -> ApiResponse:
        return json_response({"now": self._clock.now()})

    def _set_time(self, request: ApiRequest) -> ApiResponse:
        try:
            value = orjson.loads(request.body if isinstance(request.body, bytes) else b"")
            now = float(value["now"])
        except (ValueError, TypeError, KeyError) as error:
            raise refuse(400, 'Send {"now": <Unix seconds>}.') from error
        self._clock.set(now)
        return json_response({"now": now})

    def _meters(self, _: ApiRequest) -> ApiResponse:
        return json_response(shown_meters(self._fake.meters()))

    def _submitted(self, _: ApiRequest) -> ApiResponse:
        lines = (
            orjson.dumps([one.channel, one.custom_id, one.body.decode()]) + b"\n"
            for one in self._fake.meters().submitted
        )
        return ApiResponse(200, {"content-type": "application/jsonl"}, lines)

    def _reset(self, _: ApiRequest) -> ApiResponse:
        self._fake.reset()
        return json_response({"reset": True})

    def _reset_meters(self, _: ApiRequest) -> ApiResponse:
        self._fake.reset_meters()
        return json_response({"reset": True})


def shown_meters(meters: Meters) -> JsonObject:
    """A reading as JSON; the submissions are only counted."""
    return {
        "calls": dict(meters.calls),
        "bytes_in": dict(meters.bytes_in),
        "bytes_out": dict(meters.bytes_out),
        "in_flight": meters.in_flight,
        "in_flight_max": meters.in_flight_max,
        "submitted": len(meters.submitted),
        "duplicates": meters.duplicates,
    }


def read_model_call(line: bytes) -> ModelCall:
    """One line of `GET /_fake/submitted`."""
    channel, custom_id, body = orjson.loads(line)
    return ModelCall(ModelCallKind(channel), custom_id, body.encode())
