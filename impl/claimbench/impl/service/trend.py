"""What happened in the last ten minutes, sampled in the background, as charts with axes for the page."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from claimbench.impl.ports import Stage
from claimbench.impl.service.overview import Overview
from claimbench.impl.service.telemetry import RecentlyServed

WIDTH, HEIGHT = 600, 120
SPAN = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
KEPT = 600
TOPS = (2, 4, 10)
"""What an axis may end at, times a power of ten: its middle is a round number as well."""


@dataclass(frozen=True, slots=True)
class TrendSample:
    """Figures of all companies at one moment, `taken_in` to `service_errors` counted since the first one.

    Times in milliseconds; None where nobody asked. All None but `at`: the database did not answer.
    """

    at: datetime
    waiting: int | None = None
    in_batches: int | None = None
    taken_in: int | None = None
    answered: int | None = None
    failed_requests: int | None = None
    stage_errors: int | None = None
    service_errors: int | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class TrendLine:
    """One course in a chart; `pieces` are points of SVG polylines, several where figures are missing."""

    name: str
    look: str
    pieces: tuple[str, ...]
    latest: float | None


@dataclass(frozen=True, slots=True)
class TrendChart:
    """Lines in a box of 600 by 120; the vertical axis goes from 0 to `top`, in `unit`."""

    title: str
    unit: str
    top: float
    lines: tuple[TrendLine, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """All charts; the horizontal axis goes from `since` over `middle` to `now`."""

    since: datetime
    middle: datetime
    now: datetime
    charts: tuple[TrendChart, ...]


class Trend:
    """Remembers ten minutes; threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: deque[TrendSample] = deque(maxlen=KEPT)
        self._grown: dict[tuple[str, str], int] | None = None
        self._counts = {"taken_in": 0, "answered": 0, "failed_requests": 0, "stage_errors": 0}
        self._service_errors = 0

    def add(self, overview: Overview, served: RecentlyServed) -> None:
        """Remember what an overview shows; the same moment counts once."""
        with self._lock:
            if self._samples and overview.taken_at <= self._samples[-1].at:
                return
            self._count(overview)
            self._service_errors += served.errors
            queue = {stage: [row for row in overview.queue if row.operation is stage] for stage in Stage}
            self._samples.append(
                TrendSample(
                    overview.taken_at,
                    waiting=sum(row.waiting for row in queue[Stage.CREATE_BATCHES]),
                    in_batches=sum(row.waiting for row in queue[Stage.PROCESS_RESULTS]),
                    service_errors=self._service_errors,
                    p50_ms=served.p50_ms,
                    p95_ms=served.p95_ms,
                    **self._counts,
                )
            )

    def miss(self, at: datetime, served: RecentlyServed) -> None:
        """Remember that the database did not answer."""
        with self._lock:
            self._service_errors += served.errors
            self._samples.append(TrendSample(at))

    def course(self, now: datetime) -> Course:
        """At most the last ten minutes, the present at the right edge."""
        with self._lock:
            samples = [sample for sample in self._samples if now - sample.at <= SPAN]
        drawing = _Drawing(samples, now)
        charts = (
            drawing.chart(
                "Queue",
                "requests",
                ("waiting", [one.waiting for one in samples]),
                ("in batches", [one.in_batches for one in samples]),
            ),
            drawing.chart(
                "Throughput",
                "requests/s",
                ("taken in", _rates(samples, lambda one: one.taken_in)),
                ("answered", _rates(samples, lambda one: one.answered)),
            ),
            drawing.chart(
                "Latency of /v1, this server",
                "ms",
                ("p50", [one.p50_ms for one in samples]),
                ("p95", [one.p95_ms for one in samples]),
            ),
            drawing.chart(
                "Errors",
                "in the last minute",
                ("failed requests", _last_minute(samples, lambda one: one.failed_requests)),
                ("stage errors", _last_minute(samples, lambda one: one.stage_errors)),
                ("5xx of this server", _last_minute(samples, lambda one: one.service_errors)),
            ),
        )
        return Course(now - SPAN, now - SPAN / 2, now, charts)

    def _count(self, overview: Overview) -> None:
        """Add what each worker and each company counts more than before; what begins again counts anew."""
        now: dict[tuple[str, str], int] = {}
        for row in overview.queue:
            if row.operation is Stage.CREATE_BATCHES:
                now["taken_in", str(row.company_id)] = row.waiting + (row.done or 0)
            elif row.operation is Stage.PROCESS_RESULTS:
                now["answered", str(row.company_id)] = row.done or 0
        for worker in overview.workers:
            for one in worker.operations:
                now["stage_errors", f"{worker.name} {one.operation}"] = one.errors
                if one.operation is Stage.PROCESS_RESULTS:
                    now["failed_requests", worker.name] = one.failed
        if self._grown is not None:
            for key, count in now.items():
                self._counts[key[0]] += max(0, count - self._grown.get(key, 0))
        self._grown = now


def _rates(samples: list[TrendSample], count: Callable[[TrendSample], int | None]) -> list[float | None]:
    """How much a count grew a second, from each sample to the next."""
    rates: list[float | None] = [None] if samples else []
    for before, after in pairwise(samples):
        first, then = count(before), count(after)
        seconds = (after.at - before.at).total_seconds()
        rates.append(None if first is None or then is None else (then - first) / seconds)
    return rates


def _last_minute(
    samples: list[TrendSample], count: Callable[[TrendSample], int | None]
) -> list[float | None]:
    """How much a count grew in the minute before each sample."""
    grown: list[float | None] = []
    first = 0
    for sample in samples:
        now = count(sample)
        while sample.at - samples[first].at > MINUTE or (now is not None and count(samples[first]) is None):
            first += 1
        before = count(samples[first])
        grown.append(None if now is None or before is None else now - before)
    return grown


@dataclass(frozen=True, slots=True)
class _Drawing:
    samples: list[TrendSample]
    now: datetime

    def chart(self, title: str, unit: str, *courses: tuple[str, Iterable[float | None]]) -> TrendChart:
        values = {name: list(course) for name, course in courses}
        top = axis_top(
            max((one for course in values.values() for one in course if one is not None), default=0)
        )
        lines = tuple(
            TrendLine(name, f"line-{number}", self._pieces(course, top), course[-1] if course else None)
            for number, (name, course) in enumerate(values.items(), start=1)
        )
        return TrendChart(title, unit, top, lines)

    def _pieces(self, values: list[float | None], top: float) -> tuple[str, ...]:
        pieces: list[list[str]] = [[]]
        for sample, value in zip(self.samples, values, strict=True):
            if value is None:
                pieces.append([])
                continue
            x = WIDTH * (1 - (self.now - sample.at) / SPAN)
            pieces[-1].append(f"{x:.1f},{HEIGHT * (1 - value / top):.1f}")
        return tuple(" ".join(piece) for piece in pieces if piece)


def axis_top(most: float) -> float:
    """The least round number that is not below it, and at least 2."""
    power = 1.0
    while True:
        for top in TOPS:
            if top * power >= most:
                return top * power
        power *= 10
