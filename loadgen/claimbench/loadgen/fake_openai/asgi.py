"""The fake as an ASGI application, with paths of its own below `/_fake` for tests and dashboards."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

from claimbench.loadgen.fake_openai.admin import Admin
from claimbench.loadgen.fake_openai.multipart import FormReader
from claimbench.loadgen.fake_openai.wire import PROMPT, ApiRequest, ApiResponse, Delivery, Loss

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

UPLOAD_PATHS = ("/v1/files", "/openai/files", "/openai/v1/files")
"""Where bodies go to disk while they arrive."""

_BODY_BYTES = 64_000_000
"""More than any body that is not an upload may have."""


class Answering(Protocol):
    """What is served: the fake, or somebody who stands before it and watches."""

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer one request."""

    def receive_upload(self, content_type: str, path: str) -> FormReader:
        """Take an upload's body chunk by chunk."""

    def flight(self) -> AbstractContextManager[None]:
        """Is held around a call, to the end of its response."""


class ConnectionControl(Protocol):
    """The connections of a server, for faults that break one; keyed by the client's address."""

    def reset(self, client: tuple[str, int] | None) -> None:
        """Break the connection at once, without a word."""

    def close(self, client: tuple[str, int] | None) -> None:
        """Send what was written, and hang up."""


class NoConnections:
    """Where there are no real connections, a broken one is an exception."""

    def reset(self, client: tuple[str, int] | None) -> None:
        """Raise ConnectionResetError."""
        self.close(client)

    def close(self, client: tuple[str, int] | None) -> None:
        """Raise ConnectionResetError."""
        raise ConnectionResetError(f"the fake broke the connection of {client}")


class _BrokenConnectionError(Exception):
    """The body ends here, though more was announced."""


def make_app(
    fake: Answering, *, admin: Admin | None = None, connections: ConnectionControl | None = None
) -> AsgiApp:
    """Serve the fake. `admin` adds the paths below `/_fake`; `connections` are the server's."""
    control = connections or NoConnections()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            if admin is not None and admin.owns(scope["path"]):
                response = admin.handle(await _request(scope, receive, fake))
                await _deliver(response, scope, send, control)
                return
            with fake.flight():
                response = await _handled(fake, await _request(scope, receive, fake))
                await _deliver(response, scope, send, control)

    return app


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _request(scope: Scope, receive: Receive, fake: Answering) -> ApiRequest:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    sink: FormReader | _Memory = _Memory()
    if scope["method"] == "POST" and scope["path"] in UPLOAD_PATHS:
        sink = fake.receive_upload(headers.get("content-type", ""), scope["path"])
    more = True
    while more:
        message = await receive()
        sink.write(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    body = sink if isinstance(sink, FormReader) else sink.body()
    query = scope["query_string"].decode("latin-1")
    return ApiRequest(scope["method"], scope["path"], query, headers, body)


class _Memory:
    """Collects a body that is no upload; beyond its limit only what fits, which is no JSON any more."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= _BODY_BYTES:
            self._chunks.append(data)

    def body(self) -> bytes:
        return b"".join(self._chunks)


async def _handled(fake: Answering, request: ApiRequest) -> ApiResponse:
    """Long work is done in a thread, so that other calls are not held up."""
    if isinstance(request.body, bytes) and not request.path.endswith(("/content", "/files")):
        return fake.handle(request)
    return await asyncio.to_thread(fake.handle, request)


async def _deliver(response: ApiResponse, scope: Scope, send: Send, control: ConnectionControl) -> None:
    delivery = response.delivery
    if delivery.delay_s:
        with suppress(asyncio.CancelledError):  # a server that ends does not wait for its silences
            await asyncio.sleep(delivery.delay_s)
    if delivery.loss is not Loss.NONE:
        control.reset(scope.get("client"))
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
    except _BrokenConnectionError:
        control.close(scope.get("client"))
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
            raise _BrokenConnectionError
