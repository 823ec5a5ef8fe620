"""The fake OpenAI of a soak, in this process, so that the oracle can read what it did."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import uvicorn

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.fake_openai.asgi import make_app
from claimbench.loadgen.fake_openai.clocks import ScaledClock
from claimbench.loadgen.fake_openai.connections import Connections
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.faults import Faults
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.multipart import FormReader
from claimbench.loadgen.fake_openai.wire import ApiRequest, ApiResponse
from claimbench.loadgen.oracle.recorder import ApiRecorder

START_S, STOP_S = 10.0, 10.0

KEPT_S = 10**10
"""The oracle reads the files after a soak: on a fast clock, 30 days are over in minutes."""


class Witness:
    """Stands before the fake: the recorder's turn of a chat completion is its time, in Unix microseconds."""

    def __init__(self, recorder: ApiRecorder) -> None:
        self._recorder, self._fake = recorder, recorder.fake

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer, and let the recorder note it."""
        self._recorder.turn = time.time_ns() // 1_000
        return self._recorder.handle(request)

    def receive_upload(self, content_type: str, path: str) -> FormReader:
        """As the fake does."""
        return self._fake.receive_upload(content_type, path)

    def flight(self) -> AbstractContextManager[None]:
        """As the fake does."""
        return self._fake.flight()


@dataclass(frozen=True, slots=True)
class WitnessedApi:
    """A running API and its recorder."""

    base_url: str
    recorder: ApiRecorder


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What decides how it answers; `speed` is how many seconds of its time pass in one."""

    seed: int
    failed_line_rate: float
    faults: Faults
    speed: float


@contextmanager
def witnessed_api(settings: ApiSettings) -> Iterator[WitnessedApi]:
    """Serve the fake on a free loopback port from a thread of this process, until the block ends."""
    fake = FakeOpenAI(
        seed=settings.seed,
        clock=ScaledClock(settings.speed).now,
        dates=time.time,
        faults=settings.faults,
        failed_line_rate=settings.failed_line_rate,
        limits=Limits(clock_speed=settings.speed, batch_files_expire_s=KEPT_S),
    )
    recorder, connections = ApiRecorder(fake), Connections()
    config = uvicorn.Config(
        make_app(Witness(recorder), connections=connections),
        http=connections.protocol(),
        ws="none",
        access_log=False,
        date_header=False,
        log_level="error",
        timeout_graceful_shutdown=2,
    )
    # The protocol is named because asyncio sends small answers at once only where it reads "TCP".
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        try:
            with _serving(uvicorn.Server(config), listener):
                yield WitnessedApi(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", recorder)
        finally:
            fake.close()


@contextmanager
def _serving(server: uvicorn.Server, listener: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=server.run, args=([listener],), name="fake OpenAI", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    if not server.started:
        raise InvalidMeasurementError(
            "the fake API did not come up", where="claimbench soak", remedy="run again on a quieter machine"
        )
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_S)
