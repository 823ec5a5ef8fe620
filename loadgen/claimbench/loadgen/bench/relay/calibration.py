"""Start a relay, and set its delay until a driver sees the round-trip time that was asked for."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import psycopg
from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.bench.relay import forward

TOLERANCE = 0.2
TOLERANCE_MS = 0.1
GOOD = 0.03
"""Nearer than this needs no correction."""
CORRECTIONS = 10
PAUSES_S = (2.0, 5.0)
"""A busy machine may be quieter a little later, so all is tried again after each of these."""
WHOLE_CORRECTIONS = 2
"""Later ones go half the way: a busy machine's measurements scatter, and are not to be chased."""
ROUND_TRIPS = 200
ROUND_TRIPS_S = 2.0
"""A calibration stops at either: enough for a median, short for slow networks."""
TURN = 20
"""So many round trips one way, then so many the other: what slows the machine meanwhile slows both."""
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Relayed:
    """A way to a server: its URL, and the round-trip time that it adds, as asked and as measured."""

    url: URL
    asked_ms: float
    achieved_ms: float
    noise_ms: float = 0.0
    """The middle half of the round trips that were taken last lies within so much."""

    @property
    def doubt(self) -> str:
        """Why no time may be judged on this way; empty if it is as was asked for."""
        if is_close(self.asked_ms, self.achieved_ms):
            return ""
        return (
            f"a round trip of {self.asked_ms:g} ms was asked for and {self.achieved_ms:.2f} ms achieved, "
            f"with a noise of {self.noise_ms:.2f} ms: close other programs, or ask for a longer one in "
            "network.rtt_ms"
        )


@contextmanager
def relayed(url: URL, rtt_ms: float) -> Iterator[Relayed]:
    """A way to the server of `url` that takes `rtt_ms` longer per round trip; 0 is the direct way.

    The added time is the median of prepared `select 1` through the relay less the direct median. When it is
    off by more than 20 % and more than 0.1 ms after all calibrations, the way is there and has a doubt.
    """
    if rtt_ms == 0:
        yield Relayed(url, 0.0, 0.0)
        return
    with _Relay(url, rtt_ms) as relay:
        added = calibrated(rtt_ms, lambda: _added(url, relay), relay.correct, time.sleep)
        yield Relayed(relay.url, rtt_ms, added.median_ms, added.noise_ms)


def is_close(asked_ms: float, achieved_ms: float) -> bool:
    """Whether a measured time is near enough to the one asked for."""
    off = abs(achieved_ms - asked_ms)
    return off <= max(TOLERANCE * asked_ms, TOLERANCE_MS)


class _Relay:
    """The relay's process; it ends with us, since its standard input is a pipe that we hold."""

    def __init__(self, url: URL, delay_ms: float) -> None:
        with connect(url) as connection:
            target = _target(connection)
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", forward.__file__, *target, repr(delay_ms)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.url = _through(url, self._port())
        self._delay_ms = delay_ms

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.wait()

    def correct(self, by_ms: float) -> None:
        """Delay by so much more, or less."""
        self._delay_ms = max(0.0, self._delay_ms + by_ms)
        if self._process.stdin:
            self._process.stdin.write(f"{self._delay_ms!r}\n")
            self._process.stdin.flush()

    def _port(self) -> int:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.strip():
            raise InvalidMeasurementError(
                "the latency relay did not start",
                where="network.rtt_ms",
                remedy="run again, or measure at 0 ms only",
            )
        return int(line)


@dataclass(frozen=True, slots=True)
class Added:
    """What a relay adds to a round trip: the median, and the width of the middle half of what was seen."""

    median_ms: float
    noise_ms: float


def calibrated(
    rtt_ms: float,
    measure: Callable[[], Added],
    correct: Callable[[float], None],
    sleep: Callable[[float], None],
) -> Added:
    """Correct the delay until it is right, with patience; what the relay then adds, the nearest at worst."""
    added = _corrected(rtt_ms, measure, correct)
    for pause_s in PAUSES_S:
        if is_close(rtt_ms, added.median_ms):
            break
        sleep(pause_s)
        added = _corrected(rtt_ms, measure, correct)
    return added


def _corrected(rtt_ms: float, measure: Callable[[], Added], correct: Callable[[float], None]) -> Added:
    added = measure()
    for number in range(CORRECTIONS):
        if abs(added.median_ms - rtt_ms) <= GOOD * rtt_ms:
            break
        correct((rtt_ms - added.median_ms) * (1.0 if number < WHOLE_CORRECTIONS else 0.5))
        added = measure()
    return added


def _added(url: URL, relay: _Relay) -> Added:
    """Of a prepared `select 1` through the relay, less that of the direct way."""
    far_ms: list[float] = []
    near_ms: list[float] = []
    with connect(relay.url) as far, connect(url) as near:
        far.prepare_threshold = near.prepare_threshold = 0
        ends_at = time.perf_counter() + ROUND_TRIPS_S
        while not far_ms or (len(far_ms) < ROUND_TRIPS and time.perf_counter() < ends_at):
            far_ms += _times_ms(far, TURN, ends_at)
            near_ms += _times_ms(near, TURN, ends_at)
    low, _, high = statistics.quantiles(far_ms, n=4) if len(far_ms) > 1 else (0.0, 0.0, 0.0)
    return Added(_median(far_ms) - _median(near_ms), high - low)


def _times_ms(connection: psycopg.Connection, most: int, ends_at: float) -> list[float]:
    times: list[float] = []
    while not times or (len(times) < most and time.perf_counter() < ends_at):
        start = time.perf_counter()
        connection.execute("select 1").fetchone()
        times.append((time.perf_counter() - start) * 1000)
    return times


def _median(times: list[float]) -> float:
    return statistics.median(times[len(times) // 10 :])  # without the first ones, which prepare and warm


def _target(connection: psycopg.Connection) -> tuple[str, str]:
    """Host and port as `forward` takes them."""
    info = connection.info
    if info.host.startswith("/"):
        return "UNIX", f"{info.host}/.s.PGSQL.{info.port}"
    return info.hostaddr or info.host, str(info.port)


def _through(url: URL, port: int) -> URL:
    """The URL by way of the relay. The host's name stays for certificates; where to connect is said apart."""
    is_socket = not url.host or url.host.startswith("/")
    if url.host in {HOST, "localhost"}:
        return url.set(host=HOST, port=port)
    near = url.difference_update_query(("host", "hostaddr", "port")).set(port=port)
    return near.set(host=HOST) if is_socket else near.update_query_dict({"hostaddr": HOST})
