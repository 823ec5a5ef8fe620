"""The fake behind uvicorn, in this process or in one of its own."""

import ipaddress
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import uvicorn

from claimbench.errors import ClaimbenchError, UsageError
from claimbench.loadgen.fake_openai.admin import Admin, ServerClock, read_model_call
from claimbench.loadgen.fake_openai.asgi import make_app
from claimbench.loadgen.fake_openai.clocks import ClockKind, ManualClock, ScaledClock
from claimbench.loadgen.fake_openai.connections import Connections
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, Faults
from claimbench.loadgen.fake_openai.fixtures import NO_FIXTURES, Fixtures, Recording
from claimbench.loadgen.fake_openai.limits import DOCUMENTED, Limits
from claimbench.loadgen.fake_openai.meters import Meters, ModelCall
from claimbench.loadgen.fake_openai.state import StateFolder, StateOf
from claimbench.loadgen.processes.scratch import scratch_folder

STORED_BYTES = 512_000_000
"""How much a server keeps on disk before the files of fetched batches go."""

READY = "export OPENAI_BASE_URL="
"""How the line begins that a server prints when it is ready."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class FakeSettings:
    """What a server's fake is made from; `speed` is that of a wall clock, or of the model on a real one.

    `record` is a file for the requests and their answers, `state` a folder that outlives the server.
    """

    seed: int = 1
    failed_line_rate: float = 0.0
    faults: Faults = NO_FAULTS
    clock: ClockKind = ClockKind.WALL
    speed: float = 1.0
    limits: Limits = DOCUMENTED
    fixtures: Fixtures = NO_FIXTURES
    record: Path | None = None
    state: Path | None = None


class StopSwitch:
    """Ends a server from another thread."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None

    def attach(self, server: uvicorn.Server) -> None:
        """The server to be ended."""
        self._server = server

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        if self._server is not None:
            self._server.should_exit = True

    def on_end_of_input(self) -> None:
        """End it when standard input does: when the parent process closes the pipe, or is no more."""
        threading.Thread(target=self._wait_for_end, name="end of input", daemon=True).start()

    def _wait_for_end(self) -> None:
        while sys.stdin.buffer.read(4096):
            continue
        self.stop()


class _AnnouncingServer(uvicorn.Server):
    """Tells when it is ready, and empties the fake's folder before a signal ends the process."""

    def __init__(self, config: uvicorn.Config, fake: FakeOpenAI, ready: str) -> None:
        super().__init__(config)
        self._fake, self._ready = fake, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(self._ready)
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._fake.close()


def serve(address: Address, settings: FakeSettings, switch: StopSwitch) -> None:
    """Serve until a signal or the switch ends it. UsageError when the address cannot be taken."""
    with _listening(address) as listener:
        state = None
        if settings.state is not None:
            state = StateFolder(settings.state, StateOf(settings.seed, settings.fixtures.fingerprint))
        clock, limits = _clock_and_limits(settings, state.last_at if state else 0.0)
        fake = FakeOpenAI(
            seed=settings.seed,
            clock=clock.now,
            # Who waits on the calendar's time, which a scaled clock leaves behind, is told that time.
            dates=clock.now if settings.clock is ClockKind.MANUAL else time.time,
            faults=settings.faults,
            failed_line_rate=settings.failed_line_rate,
            salt=secrets.token_hex(8),
            limits=limits,
            fixtures=settings.fixtures,
            state=state,
            recording=Recording(settings.record) if settings.record else None,
        )
        _run(listener, fake, clock, _ready_text(address, listener.getsockname()[1], settings), switch)


def _run(
    listener: socket.socket, fake: FakeOpenAI, clock: ServerClock, ready: str, switch: StopSwitch
) -> None:
    connections = Connections()
    config = uvicorn.Config(
        make_app(fake, admin=Admin(fake, clock), connections=connections),
        http=connections.protocol(),
        ws="none",
        access_log=False,
        date_header=False,
        log_level="error",
        timeout_graceful_shutdown=2,
    )
    server = _AnnouncingServer(config, fake, ready)
    switch.attach(server)
    server.run(sockets=[listener])


def _clock_and_limits(settings: FakeSettings, last_at: float) -> tuple[ManualClock | ScaledClock, Limits]:
    if settings.clock is ClockKind.MANUAL:
        return ManualClock(last_at), settings.limits
    if settings.clock is ClockKind.WALL:
        return ScaledClock(settings.speed, last_at), replace(settings.limits, clock_speed=settings.speed)
    return ScaledClock(1.0, last_at), replace(settings.limits, model_speed=settings.speed)


@contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    try:
        listener = _bound(address)
    except OSError as error:
        where = f"{address.host}:{address.port}"
        raise UsageError(f"cannot listen ({error.strerror})", where=where, remedy="try --port 0") from error
    with listener:
        yield listener


def _bound(address: Address) -> socket.socket:
    # The protocol is named because asyncio sends small answers at once only where it reads "TCP".
    family, *_ = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
    except OSError:
        listener.close()
        raise
    return listener


def _ready_text(address: Address, port: int, settings: FakeSettings) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    url = f"http://{host}:{port}/v1"
    pace = f"batches {settings.speed:g} times as fast as the real one's, dates as they are"
    if settings.clock is ClockKind.WALL:
        pace = f"on a clock {settings.speed:g} times as fast as the real one"
    if settings.clock is ClockKind.MANUAL:
        pace = "on a clock that only POST /_fake/clock moves"
    lines = [f"fake OpenAI on {url}, {pace}, seed {settings.seed}; any key will do; Ctrl-C ends it"]
    if not address.is_loopback:
        lines.insert(
            0, f"WARNING: {address.host} can be reached from other machines, and nothing is protected"
        )
    return "\n".join([*lines, f"{READY}{url}", ""])


@dataclass(frozen=True, slots=True)
class FakeServer:
    """A running server, told by the base URL that clients use (`http://127.0.0.1:8080/v1`)."""

    base_url: str

    @property
    def clock_url(self) -> str:
        """Where a manual clock is set: POST {"now": Unix seconds}."""
        return self._url("clock")

    def set_clock(self, unix_seconds: float) -> None:
        """Move a manual clock."""
        httpx.post(self.clock_url, json={"now": unix_seconds}, timeout=60).raise_for_status()

    @property
    def reset_url(self) -> str:
        """Where a POST makes it forget all files, batches, attempts and meters."""
        return self._url("reset")

    def reset(self) -> None:
        """Forget all files, batches, attempts and meters."""
        self._post("reset")

    def reset_meters(self) -> None:
        """Count from zero again."""
        self._post("meters/reset")

    def meters(self) -> Meters:
        """The present reading, submissions included."""
        reading = httpx.get(self._url("meters"), timeout=60).raise_for_status().json()
        submitted = FetchedModelCalls(self._url("submitted"), reading.pop("submitted"))
        return Meters(**reading, submitted=submitted)

    def _post(self, path: str) -> None:
        httpx.post(self._url(path), timeout=60).raise_for_status()

    def _url(self, path: str) -> str:
        return f"{self.base_url.removesuffix('/v1')}/_fake/{path}"


@dataclass(frozen=True, slots=True)
class FetchedModelCalls:
    """The submissions of a running server, fetched whenever they are iterated."""

    url: str
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ModelCall]:
        with httpx.stream("GET", self.url, timeout=60) as response:
            for line in response.raise_for_status().iter_lines():
                yield read_model_call(line.encode())


@contextmanager
def running_server(
    *,
    seed: int = 1,
    failed_line_rate: float = 0.0,
    faults: Faults = NO_FAULTS,
    clock: ClockKind | str = ClockKind.WALL,
    speed: float = 1.0,
) -> Iterator[FakeServer]:
    """Start a server in a process of its own on a free loopback port; it ends with the block, or with us."""
    with scratch_folder("faults") as folder, ExitStack() as starting:
        faults_file = folder / "faults.json"
        faults_file.write_text(faults.model_dump_json(), encoding="utf-8")
        arguments = (
            *("--port", "0", "--seed", str(seed), "--failed-line-rate", str(failed_line_rate)),
            *("--clock", str(clock), "--speed", str(speed), "--faults", str(faults_file)),
            *("--lifetime", "stdin"),
        )
        command = (sys.executable, "-m", "claimbench.loadgen.fake_openai", *arguments)
        base_url = _base_url(starting.enter_context(_started(command)))
        started = starting.pop_all()  # it has read its faults, which can go
    with started:
        yield FakeServer(base_url)


@contextmanager
def _started(command: tuple[str, ...]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _base_url(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    raise ClaimbenchError(
        "it ended before it was ready", where="fake OpenAI server", remedy="read its message above"
    )
