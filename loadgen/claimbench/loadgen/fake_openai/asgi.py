"""The fake as an ASGI application, with paths of its own below `/_fake` for tests and dashboards."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Protocol, cast

from claimbench.loadgen.fake_openai.admin import Admin
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.wire import PROMPT, ApiRequest, ApiResponse, Delivery, Loss

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_SPOOL_BYTES = 1 << 20
"""Bodies above it go to disk, and are worked on in a thread so that other calls are not held up."""

_DRAIN_BYTES = 700_000_000
"""More than any upload may have; the rest of a longer body is refused unread."""


class Lines(Protocol):
    """The connections of a server, for faults that break one; keyed by the client's address."""

    def reset(self, client: tuple[str, int] | None) -> None:
        """Break the connection at once, without a word."""

    def close(self, client: tuple[str, int] | None) -> None:
        """Send what was written, and hang up."""


class NoLines:
    """Where there are no real connections, a broken one is an exception."""

    def reset(self, client: tuple[str, int] | None) -> None:
        """Raise ConnectionResetError."""
        self.close(client)

    def close(self, client: tuple[str, int] | None) -> None:
        """Raise ConnectionResetError."""
        raise ConnectionResetError(f"the fake broke the connection of {client}")


class _BrokenLineError(Exception):
    """The body ends here, though more was announced."""


def make_app(fake: FakeOpenAI, *, admin: Admin | None = None, lines: Lines | None = None) -> AsgiApp:
    """Serve the fake. `admin` adds the paths below `/_fake`; `lines` are the server's connections."""
    connections = lines or NoLines()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            if admin is not None and admin.owns(scope["path"]):
                response = admin.handle(await _request(scope, receive))
                await _deliver(response, scope, send, connections)
                return
            with fake.flight():
                response = await _handled(fake, await _request(scope, receive))
                await _deliver(response, scope, send, connections)

    return app


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _request(scope: Scope, receive: Receive) -> ApiRequest:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _body(receive)
    return ApiRequest(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body)


async def _body(receive: Receive) -> bytes | BinaryIO:
    chunks: list[bytes] = []
    size = 0
    spool: BinaryIO | None = None
    more = True
    while more and size <= _DRAIN_BYTES:
        message = await receive()
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if spool is None and size > _SPOOL_BYTES:
            # The core closes nothing that it is given; the spool goes with the request.
            spool = cast("BinaryIO", SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115
            spool.write(b"".join(chunks))
        if spool is None:
            chunks.append(chunk)
        else:
            spool.write(chunk)
    return b"".join(chunks) if spool is None else spool


async def _handled(fake: FakeOpenAI, request: ApiRequest) -> ApiResponse:
    if isinstance(request.body, bytes) and not request.path.endswith(("/content", "/files")):
        return fake.handle(request)
    try:
        return await asyncio.to_thread(fake.handle, request)
    finally:
        if not isinstance(request.body, bytes):
            request.body.close()


async def _deliver(response: ApiResponse, scope: Scope, send: Send, lines: Lines) -> None:
    delivery = response.delivery
    if delivery.delay_s:
        await asyncio.sleep(delivery.delay_s)
    if delivery.loss is not Loss.NONE:
        lines.reset(scope.get("client"))
        await asyncio.sleep(0)  # lets the server notice, so that it misses no response
        return
    length = len(response.body) if isinstance(response.body, bytes) else response.content_length
    headers = dict(response.headers)
    if length is not None:
        headers["content-length"] = str(length)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    try:
        await _send_body(response, length or 0, scope, send)
    except _BrokenLineError:
        lines.close(scope.get("client"))
        await asyncio.sleep(0)


async def _send_body(response: ApiResponse, length: int, scope: Scope, send: Send) -> None:
    if isinstance(response.body, bytes) and response.delivery == PROMPT:
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body, "more_body": False})
        return
    if scope["method"] != "HEAD":
        for chunk in _cut(_chunks(response.body), response.delivery, length):
            if response.delivery.chunk_delay_s:
                await asyncio.sleep(response.delivery.chunk_delay_s)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    with suppress(OSError):  # the client may have left
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _chunks(body: bytes | Iterator[bytes]) -> Iterator[bytes]:
    return iter((body,)) if isinstance(body, bytes) else body


def _cut(chunks: Iterator[bytes], delivery: Delivery, length: int) -> Iterator[bytes]:
    if delivery.sent_share == 1:
        yield from chunks
        return
    budget = int(length * delivery.sent_share)
    for chunk in chunks:
        yield chunk[:budget]
        budget -= min(budget, len(chunk))
        if budget == 0:
            raise _BrokenLineError
