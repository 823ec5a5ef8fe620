"""How much the service takes on, and for how long: everything that a caller could exhaust is bounded here.

The limits stand before the application, in plain ASGI, so that a refused request costs no thread, no
connection and no parsing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claimbench.impl.service.problems import Problem, overloaded, problem_response
from claimbench.impl.service.telemetry import Telemetry

BODY_BYTES_MAX = 10_000_000
SESSIONS_PER_BULK_MAX = 500
MESSAGES_PER_SESSION_MAX = 500
CHARACTERS_PER_MESSAGE_MAX = 100_000
EXPORT_ROWS_MAX = 100_000
ID_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Times in seconds. `in_flight_max` counts requests that are being served or wait for a thread."""

    in_flight_max: int = 64
    connections: int = 16
    connection_wait_s: float = 3.0
    statement_s: float = 10.0
    headers_s: float = 10.0
    body_s: float = 20.0
    linger_s: float = 5.0
    response_s: float = 30.0
    drain_s: float = 20.0
    body_bytes_max: int = BODY_BYTES_MAX
    anonymous_body_bytes_max: int = 16_384
    retry_after_s: int = 1

    @property
    def threads(self) -> int:
        """As many as there are connections, and some for what needs none."""
        return self.connections + 4


DEFAULT_LIMITS = ServiceLimits()


class Identity(StrEnum):
    """Whether a caller has shown who it is, by the headers alone."""

    KNOWN = "known"
    ANONYMOUS = "anonymous"


Authenticate = Callable[[Scope], Awaitable[Identity]]
"""Tells by its headers who sends a request; Problem for one that may not come in."""


async def everybody(_: Scope) -> Identity:
    """Lets everybody in, as one who is known."""
    return Identity.KNOWN


ALWAYS_OPEN = frozenset({"/health", "/ready", "/metrics"})
"""What tells that the service is overloaded must answer when it is."""

SECURITY_HEADERS = (  # no-referrer would make browsers hide the Origin of our own forms too
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)


@dataclass(slots=True)
class _Progress:
    """One request on its way: whether its response has begun, and with which status."""

    started: bool = False
    status: int = 500


class RequestLimits:
    """The outermost application: lets through what can be served and refuses the rest at once."""

    def __init__(
        self,
        app: ASGIApp,
        limits: ServiceLimits,
        telemetry: Telemetry,
        authenticate: Authenticate = everybody,
    ) -> None:
        self._app, self._limits, self._telemetry = app, limits, telemetry
        self._authenticate = authenticate
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, passage = time.perf_counter(), _Progress()
        method = scope["method"]
        if method == "HEAD":
            scope, send = {**scope, "method": "GET"}, _headers_only(send)
        try:
            await self._admitted(scope, receive, self._guarded_send(send, passage), passage)
        finally:
            route = getattr(scope.get("route"), "path", "unrouted")
            self._telemetry.request(method, route, passage.status, time.perf_counter() - began)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, passage: _Progress) -> None:
        if scope["path"] in ALWAYS_OPEN:
            await self._app(scope, receive, send)
            return
        try:
            # Headers first: who has no key takes no place, and nobody reads what it sends.
            if await self._authenticate(scope) is Identity.ANONYMOUS:
                receive = await self._read_body(scope, receive, self._limits.anonymous_body_bytes_max)
                await self._in_a_place(scope, receive, send, passage)
            else:
                await self._in_a_place(scope, receive, send, passage)
        except Problem as refused:
            if passage.started:
                raise
            response = problem_response(refused)
            if _has_body(scope):
                response.headers["Connection"] = "close"  # the rest of the body is not wanted
            await response(scope, receive, send)

    async def _in_a_place(self, scope: Scope, receive: Receive, send: Send, passage: _Progress) -> None:
        if self._in_flight >= self._limits.in_flight_max:
            self._telemetry.shed()
            raise overloaded(self._limits.retry_after_s)
        self._in_flight += 1
        self._telemetry.in_flight(self._in_flight)
        try:
            receive = await self._read_body(scope, receive, self._limits.body_bytes_max)
            await self._app(scope, receive, send)
        except TimeoutError:
            if not passage.started:
                raise
        finally:
            self._in_flight -= 1
            self._telemetry.in_flight(self._in_flight)

    async def _read_body(self, scope: Scope, receive: Receive, limit: int) -> Receive:
        """The whole body, to be read again: a slow client holds neither a thread nor a connection."""
        if _declared_length(scope) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self._limits.body_s):
                return _replayed(await _collected(receive, limit), receive)
        except TimeoutError:
            detail = f"the body did not arrive within {self._limits.body_s:g} s; send it faster"
            raise Problem(408, "body_too_slow", detail) from None

    def _guarded_send(self, send: Send, passage: _Progress) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                passage.started, passage.status = True, message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                added = [pair for pair in SECURITY_HEADERS if pair[0] not in present]
                message = {**message, "headers": [*message["headers"], *added]}
            # A reader that has stopped reading would hold its place for ever.
            await asyncio.wait_for(send(message), self._limits.response_s)

        return guarded


def _headers_only(send: Send) -> Send:
    """What answers HEAD: all that GET would say, but the body."""

    async def without_body(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return without_body


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _has_body(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"]) or _declared_length(scope) > 0


async def _collected(receive: Receive, limit: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "disconnected", "the client left before its body was complete")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem(
        413, "body_too_large", f"a body has at most {limit:,} bytes; submit fewer sessions at once"
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
