"""uvicorn as this service wants it: impatient with slow clients, patient with those that are being served."""

import ipaddress
import socket
from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from claimbench.errors import UsageError
from claimbench.impl.service.limits import ServiceLimits

Announce = Callable[[str], None]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. UsageError when the place cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"cannot listen ({error})", where=f"{host}:{port}", remedy="choose another --host or --port"
        ) from None
    return listening


def host(
    app: ASGIApp, listening: socket.socket, limits: ServiceLimits, when_ready: Callable[[], None]
) -> None:
    """Serve until SIGTERM or Ctrl-C; then what is being served is finished, and this returns."""
    config = uvicorn.Config(
        app,
        http=_impatient(limits.headers_s),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(limits.drain_s),
        backlog=1024,
    )
    _Server(config, when_ready).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Says when it is ready, and ends in order when it is told to end."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._when_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but a signal that was obeyed is not raised once more: that exit is a success."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _impatient(headers_s: float) -> type[H11Protocol]:
    class ImpatientProtocol(H11Protocol):
        """Closes connections whose first request line and headers do not come; uvicorn waits for ever."""

        _patience: TimerHandle | None = None

        def connection_made(self, transport: BaseTransport) -> None:
            super().connection_made(cast("Transport", transport))
            self._patience = self.loop.call_later(headers_s, self._lose_patience)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._patience is not None:
                self._patience.cancel()
            super().connection_lost(exc)

        def _lose_patience(self) -> None:
            if cast("Any", self.cycle) is None and not self.transport.is_closing():
                self.transport.close()

    return ImpatientProtocol
