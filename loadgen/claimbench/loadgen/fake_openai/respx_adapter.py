"""Serves a fake to the real openai clients of this process, through respx: its only importer."""

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Protocol

import httpx
import respx
from respx.mocks import HTTPCoreMocker, Mocker

from claimbench.loadgen.fake_openai.wire import ApiRequest, ApiResponse, Loss

if "httpcore2" not in Mocker.registry:  # another package may have registered it; names must be unique

    class HTTPCore2Mocker(HTTPCoreMocker):
        """respx for httpx2, which the openai client uses from 3.0 on."""

        name = "httpcore2"
        targets: ClassVar[list[str]] = [
            target.replace("httpcore.", "httpcore2.", 1) for target in HTTPCoreMocker.targets
        ]


@dataclass(frozen=True, slots=True)
class _Engine:
    """One HTTP engine that clients may stand on: its name in respx, and the home of its exceptions."""

    name: str
    exceptions: ModuleType


def _engines() -> tuple[_Engine, ...]:
    """Those that are installed: openai 2.x stands on httpcore, 3.x on httpcore2."""
    names = [name for name in ("httpcore2", "httpcore") if importlib.util.find_spec(name)]
    return tuple(_Engine(name, importlib.import_module(name)) for name in names)


class _Router(respx.MockRouter):
    """A router that keeps nothing: respx records every call with its bodies, a benchmark makes thousands."""

    def record(
        self,
        request: httpx.Request,
        *,
        response: httpx.Response | None = None,
        route: respx.Route | None = None,
    ) -> None:
        """Forget."""


class RequestHandler(Protocol):
    """A fake, or what stands before one."""

    def flight(self) -> AbstractContextManager[None]:
        """A request is under way."""

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer it."""


@contextmanager
def serving(fake: RequestHandler, base_url: str = "https://api.openai.com/v1") -> Iterator[None]:
    """Let openai clients with this base URL talk to the fake, sync and async, in every thread.

    Requests to anywhere else, by httpx or httpx2, are refused (`respx.models.AllMockedAssertionError`), so
    that nothing reaches a real API by mistake.
    """
    base = httpx.URL(base_url)
    with ExitStack() as stack:
        for engine in _engines():
            router = _Router(assert_all_called=False, using=engine.name)
            route = router.route(scheme=base.scheme, host=base.host)
            route.side_effect = _side_effect(fake, base, engine)
            stack.enter_context(router)
        yield


def _side_effect(fake: RequestHandler, base: httpx.URL, engine: _Engine) -> Callable[[httpx.Request], Any]:
    prefix = base.path.rstrip("/").removesuffix("/v1")

    def answer(request: httpx.Request) -> httpx.Response:
        url = request.url
        with fake.flight():
            response = fake.handle(
                ApiRequest(
                    request.method,
                    url.path.removeprefix(prefix),
                    url.query.decode("ascii", "replace"),
                    {name.lower(): value for name, value in request.headers.items()},
                    request.content,
                )
            )
        return _delivered(response, engine)

    return answer


def _delivered(response: ApiResponse, engine: _Engine) -> httpx.Response:
    delivery = response.delivery
    if delivery.loss is Loss.RESET:
        raise engine.exceptions.ReadError("Connection reset by peer")
    if delivery.loss is Loss.TIMEOUT:
        raise engine.exceptions.ReadTimeout("The read operation timed out")
    headers = dict(response.headers)
    if isinstance(response.body, bytes) and delivery.sent_share == 1 and not delivery.chunk_delay_s:
        return httpx.Response(response.status, headers=headers, content=response.body)
    if response.content_length is not None:
        headers["content-length"] = str(response.content_length)
    return httpx.Response(response.status, headers=headers, stream=_ResponseStream(response, engine))


class _ResponseStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A streamed body, for sync and async clients alike, slow or cut short if its delivery says so."""

    def __init__(self, response: ApiResponse, engine: _Engine) -> None:
        body = response.body
        self._chunks = iter((body,)) if isinstance(body, bytes) else body
        self._delivery, self._engine = response.delivery, engine
        length = len(body) if isinstance(body, bytes) else response.content_length or 0
        self._budget = int(length * self._delivery.sent_share) if self._delivery.sent_share < 1 else None

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._cut():
            time.sleep(self._delivery.chunk_delay_s)
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._cut():
            if self._delivery.chunk_delay_s:
                await asyncio.sleep(self._delivery.chunk_delay_s)
            yield chunk

    def _cut(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._budget is None:
                yield chunk
                continue
            yield chunk[: self._budget]
            self._budget -= min(self._budget, len(chunk))
            if self._budget == 0:
                message = "peer closed connection without sending complete message body"
                raise self._engine.exceptions.RemoteProtocolError(message)
