"""What Prometheus sees of this process. No label can be chosen by a caller, and none names a tenant."""

import threading
import time
from collections import Counter as Tally
from collections import deque
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from claimbench.impl.events import EventKind
from claimbench.impl.ports import PipelineStats, Stage
from claimbench.impl.queue_stats import queue_stats
from claimbench.impl.service.figures import WorkerState
from claimbench.impl.service.overview import Overviews

MEDIA_TYPE = CONTENT_TYPE_LATEST

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_QUERY_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


LATENCIES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class RecentlyServed:
    """What was served since this was asked last: companies' waiting times, and how many answers were 5xx.

    `failures` says which, such as `503 POST /v1/sessions, 12 times`.
    """

    p50_ms: float | None = None
    p95_ms: float | None = None
    errors: int = 0
    failures: tuple[str, ...] = ()


class Telemetry:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest_ms: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._failures: Tally[str] = Tally()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._serving()
        self._working()

    def _serving(self) -> None:
        registry = self.registry
        self._requests = Histogram(
            "claimbench_http_request_seconds",
            "Requests by route template, from the first byte to the last.",
            ("method", "route", "status"),
            buckets=_REQUEST_S,
            registry=registry,
        )
        self._in_flight = Gauge(
            "claimbench_http_in_flight", "Requests being served or waiting.", registry=registry
        )
        self._shed = Counter(
            "claimbench_http_shed", "Requests refused because the service was full.", registry=registry
        )
        self._submitted = Counter(
            "claimbench_submitted_requests", "Processing requests taken in.", registry=registry
        )
        self._queries = Histogram(
            "claimbench_query_seconds",
            "Database statements by kind, executed by the service or by the pipeline.",
            ("source", "statement"),
            buckets=_QUERY_S,
            registry=registry,
        )

    def _working(self) -> None:
        registry = self.registry
        self._stages = Histogram(
            "claimbench_stage_seconds",
            "Runs of the stages.",
            ("stage", "pipeline", "outcome"),
            buckets=_STAGE_S,
            registry=registry,
        )
        self._events = Counter(
            "claimbench_events", "Events of the pipelines: cache, API …", ("kind",), registry=registry
        )
        self._queue = Gauge(
            "claimbench_queue_requests", "Processing requests by status.", ("status",), registry=registry
        )
        self._batches = Gauge(
            "claimbench_queue_batches", "Batches by status.", ("status",), registry=registry
        )
        self._workers = Gauge(
            "claimbench_workers", "Workers seen lately, by state.", ("state",), registry=registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One HTTP request was answered."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).observe(seconds)
        with self._lock:
            if route.startswith("/v1"):
                self._latest_ms.append(seconds * 1000)
            if status >= 500 and route != "/ready":
                self._failures[f"{status} {known} {route}"] += 1

    def served(self) -> RecentlyServed:
        """What was served since this was asked last; it belongs to one who asks."""
        with self._lock:
            ordered, failures = sorted(self._latest_ms), dict(self._failures)
            self._latest_ms.clear()
            self._failures.clear()
        told = tuple(f"{answer}, {count} times" for answer, count in sorted(failures.items()))
        errors = sum(failures.values())
        if not ordered:
            return RecentlyServed(errors=errors, failures=told)
        return RecentlyServed(ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)], errors, told)

    def shed(self) -> None:
        """One HTTP request was refused because the service is full."""
        self._shed.inc()

    def in_flight(self, count: int) -> None:
        """So many requests are inside now."""
        self._in_flight.set(count)

    def submitted(self, requests: int) -> None:
        """So many processing requests were taken in."""
        self._submitted.inc(requests)

    def stage(self, stage: Stage, pipeline: str, outcome: str, seconds: float) -> None:
        """A stage ran; the outcome is `ok` or `error`."""
        self._stages.labels(stage.value, pipeline, outcome).observe(seconds)

    def event(self, kind: EventKind) -> None:
        """Something happened in a pipeline."""
        self._events.labels(kind.value).inc()

    def query(self, source: str, statement: str, seconds: float) -> None:
        """A statement was executed."""
        self._queries.labels(source, statement).observe(seconds)

    def queue(self, stats: PipelineStats) -> None:
        """The queue as it is."""
        for request_status, count in stats.requests.items():
            self._queue.labels(request_status.value).set(count)
        for batch_status, count in stats.batches.items():
            self._batches.labels(batch_status.value).set(count)

    def workers(self, state: str, count: int) -> None:
        """So many workers are in this state."""
        self._workers.labels(state).set(count)

    def page(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


COUNTED_EVERY_S = 5.0


class Gauges:
    """Counts at most every five seconds, however many scrape."""

    def __init__(self, engine: Engine, overviews: Overviews, telemetry: Telemetry) -> None:
        self._engine, self._lookout, self._telemetry = engine, overviews, telemetry
        self._lock = threading.Lock()
        self._until = 0.0

    def update(self) -> None:
        """Set the gauges anew if they are old."""
        with self._lock:
            if time.monotonic() < self._until:
                return
            self._until = time.monotonic() + COUNTED_EVERY_S
        try:
            self._telemetry.queue(queue_stats(self._engine, None))
            workers = self._lookout.look().workers
        except SQLAlchemyError:
            return  # the other counters matter all the more when the database is away
        for state in WorkerState:
            self._telemetry.workers(state.value, sum(worker.scheduler.state is state for worker in workers))
