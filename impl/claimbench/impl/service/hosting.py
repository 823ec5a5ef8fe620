"""`claimbench serve` and `claimbench worker` in full, and uvicorn as this service wants it.

It is impatient with slow clients and patient with those that are being served.
"""

import ipaddress
import logging
import os
import secrets
import signal
import socket
import threading
from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, cast

import h11
import uvicorn
from sqlalchemy import URL, Engine
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from claimbench.errors import UsageError
from claimbench.impl.service.activity import Observer
from claimbench.impl.service.app import ServiceSetup, create_app
from claimbench.impl.service.database import check_schema, create_schema, service_engine
from claimbench.impl.service.limits import DEFAULT_LIMITS, ServiceLimits
from claimbench.impl.service.operations_log import OperationsLog
from claimbench.impl.service.telemetry import Telemetry
from claimbench.impl.service.worker import Worker, new_worker_name
from claimbench.impl.service.worker_factory import WorkerOptions, open_worker

Announce = Callable[[str], None]
Welcome = Callable[[str], Iterable[str]]
"""What to tell, beside the address that it gets, when the service can be reached."""
Prepare = Callable[[Engine], Welcome]
"""What to do with the tables before anybody is served."""


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
        # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it, each later answer
        # on a kept connection waits 40 ms for the client's delayed acknowledgement.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
    make_server(app, limits, when_ready).run(sockets=[listening])


def make_server(app: ASGIApp, limits: ServiceLimits, when_ready: Callable[[], None]) -> uvicorn.Server:
    """The server, not started; it ends when its `should_exit` is set."""
    config = uvicorn.Config(
        app,
        http=_impatient(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(limits.drain_s),
        backlog=1024,
    )
    return _Server(config, when_ready)


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


class LingeringTransport:
    """Closes in two steps while a client still sends: the answer first, the rest of what it sends dropped.

    Who closes with bytes unread makes TCP reset the connection, and the client loses the answer that told it
    to stop.
    """

    def __init__(
        self, transport: Transport, is_sending: Callable[[], bool], linger: Callable[[], None]
    ) -> None:
        self._transport, self._is_sending, self._linger = transport, is_sending, linger
        self.is_lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more will be answered."""
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """Close, at once if the client is done or if asked for again."""
        if self.is_lingering or self._transport.is_closing() or not self._is_sending():
            self._transport.close()
            return
        self.is_lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._linger()


class ImpatientProtocol(H11Protocol):
    """Closes connections whose next request line and headers do not come; uvicorn waits for ever.

    A body that nobody reads, because the answer was given without it, gets as long as one that is read.
    """

    limits: ClassVar[ServiceLimits]
    _patience: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Wait for the first request."""
        lingering = LingeringTransport(
            cast("Transport", transport),
            lambda: self.conn.their_state is h11.SEND_BODY,
            lambda: self._wait(self.limits.linger_s),
        )
        super().connection_made(cast("Transport", lingering))
        self._wait(self.limits.headers_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take it up; what comes after the last answer is dropped."""
        if cast("LingeringTransport", self.transport).is_lingering:
            return
        super().data_received(data)
        self._watch_headers()

    def on_response_complete(self) -> None:
        """Wait for the rest of this request, or for the next one."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.conn.their_state is h11.SEND_BODY:
            self._wait(self.limits.body_s)
        else:
            self._watch_headers()

    def _watch_headers(self) -> None:
        """Time a request from its first byte to the end of its headers."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is not h11.IDLE:
            if not self._is_answered():
                self._wait(None)
        elif not self.conn.trailing_data[0]:
            self._wait(None)
        elif self._patience is None:
            self._wait(self.limits.headers_s)

    def _is_answered(self) -> bool:
        return cast("Any", self.cycle) is not None and self.cycle.response_complete

    def _wait(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None if seconds is None else self.loop.call_later(seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        self.transport.abort()


def _impatient(limits: ServiceLimits) -> type[H11Protocol]:
    return type("LimitedProtocol", (ImpatientProtocol,), {"limits": limits})


TOKEN_VARIABLE = "CLAIMBENCH_ADMIN_TOKEN"  # noqa: S105 (the variable's name, not a token)
TOKEN_CHARACTERS_MIN = 16


class SchedulerPlace(StrEnum):
    """Where the stages run: in the serving process, or in workers of their own."""

    INSIDE = "inside"
    NONE = "none"


class SchemaCare(StrEnum):
    """What to do about the tables: expect them, or make them in an empty database."""

    EXPECT = "expect"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `claimbench serve` was asked for. Port 0 takes a free one."""

    worker: WorkerOptions
    host: str = "127.0.0.1"
    port: int = 8000
    scheduler: SchedulerPlace = SchedulerPlace.INSIDE
    schema: SchemaCare = SchemaCare.EXPECT
    limits: ServiceLimits = DEFAULT_LIMITS


def nothing(_: Engine) -> Welcome:
    """What most have to do and to tell."""
    return lambda _: ()


def serve(options: ServeOptions, announce: Announce, prepare: Prepare = nothing) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is being served. UsageError for what cannot be used."""
    _log_to_terminal()
    token = _admin_token(announce)
    with _opened(options.worker.url, options.schema, options.limits) as engine:
        name = new_worker_name()
        observer = Observer(OperationsLog(engine, name), Telemetry())
        with _inside(options, name, engine, observer) as worker:
            setup = ServiceSetup(
                engine, token, observer, options.limits, worker, pipeline=options.worker.pipeline
            )
            app = create_app(setup)
            welcome = prepare(engine)
            listening = listen(options.host, options.port)
            address = _address(options.host, listening.getsockname()[1])
            if not is_loopback(options.host):
                announce(f"warning: {address} can be reached from other machines, and speaks plain HTTP")

            def greet() -> None:
                for line in (f"serving on {address}", *welcome(address)):
                    announce(line)

            host(app, listening, options.limits, greet)
    announce("stopped; what was being served was finished")


def work(options: WorkerOptions, schema: SchemaCare, announce: Announce) -> None:
    """Run the stages until SIGTERM or Ctrl-C, then finish those that run."""
    _log_to_terminal()
    with _opened(options.url, schema, DEFAULT_LIMITS) as engine:
        name = new_worker_name()
        observer = Observer(OperationsLog(engine, name), Telemetry())
        with open_worker(options, name, engine, observer) as worker:
            ends = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ends.set())
            worker.start()
            announce(f"worker {name} runs {options.pipeline}")
            ends.wait()
            worker.stop()
    announce("stopped; no stage was cut off")


@contextmanager
def _opened(url: URL, schema: SchemaCare, limits: ServiceLimits) -> Iterator[Engine]:
    engine = service_engine(url, limits)
    try:
        if schema is SchemaCare.CREATE:
            create_schema(engine)
        else:
            check_schema(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _inside(options: ServeOptions, name: str, engine: Engine, observer: Observer) -> Iterator[Worker | None]:
    if options.scheduler is SchedulerPlace.NONE:
        yield None
        return
    with open_worker(options.worker, name, engine, observer) as worker:
        yield worker


def _admin_token(announce: Announce) -> str:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if any(sign.isspace() or not sign.isprintable() for sign in token):
        raise UsageError(
            "the admin token holds a blank or a control character, which no header can carry",
            where=TOKEN_VARIABLE,
            remedy="set another one, or unset it to have one made",
        )
    if not token:
        token = secrets.token_urlsafe(24)
        announce(f"admin token for this run (set {TOKEN_VARIABLE} to choose your own): {token}")
    elif len(token) < TOKEN_CHARACTERS_MIN:
        raise UsageError(
            f"the admin token has less than {TOKEN_CHARACTERS_MIN} characters",
            where=TOKEN_VARIABLE,
            remedy="set a longer one, or unset it to have one made",
        )
    return token


def _address(host_name: str, port: int) -> str:
    return f"http://[{host_name}]:{port}" if ":" in host_name else f"http://{host_name}:{port}"


def _log_to_terminal() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # overlapping runs are counted and shown
