"""What happens in this process: counted, shown to Prometheus and written to the operations log."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from statistics import fmean

from claimbench.impl.company_cache import CacheCounter
from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.service.figures import CacheFigures, EventFigures, OperationFigures, QueryFigures
from claimbench.impl.service.operations_log import Level, OperationsLog
from claimbench.impl.service.telemetry import Telemetry
from claimbench.impl.stage_events import StageEvent

KEPT = 1_000

_COUNTED_ONLY = frozenset(
    {
        EventKind.CACHE_HIT,
        EventKind.CACHE_MISS,
        EventKind.CACHE_REFRESH,
        EventKind.CACHE_EXPIRY,
        EventKind.CHOICE,
        EventKind.STAGE_DONE,
    }
)
"""Several a minute and told otherwise: they would drown the rest of the log."""

_INFORMATIVE = frozenset(
    {
        EventKind.CACHE_INVALIDATION,
        EventKind.BREAKER_CLOSED,
        EventKind.SWITCH,
    }
)


@dataclass(slots=True)
class _Times:
    """Counts of all, times in seconds of the last 1,000."""

    count: int = 0
    longest: float = 0.0
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, seconds: float) -> None:
        self.count += 1
        self.longest = max(self.longest, seconds)
        self.latest.append(seconds)

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latest)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000 if ordered else 0.0

    @property
    def mean_ms(self) -> float:
        return fmean(self.latest) * 1000 if self.latest else 0.0


@dataclass(slots=True)
class _Operation:
    times: _Times
    total: StageReport
    errors: int = 0
    last_at: datetime | None = None


class ActivityCounters:
    """What happened in this process since it started; threads may share one. An `EventSink`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations = {stage: _Operation(_Times(), StageReport(stage)) for stage in Stage}
        self._events: Counter[EventKind] = Counter()
        self._cache = CacheCounter()
        self._queries: dict[str, _Times] = {}

    def __call__(self, event: Event) -> None:
        """Count an event, and with a stage's event the run that it tells of."""
        self._cache(event)
        with self._lock:
            self._events[event.kind] += 1
            if isinstance(event, StageEvent):
                self._count_run(event)

    def _count_run(self, run: StageEvent) -> None:
        operation = self._operations[run.stage]
        operation.times.add(run.seconds)
        operation.last_at = run.ended_at
        if run.report is None:
            operation.errors += 1
        else:
            operation.total = operation.total.plus(run.report)

    def query(self, statement: str, seconds: float) -> None:
        """Count a statement."""
        with self._lock:
            self._queries.setdefault(statement, _Times()).add(seconds)

    def operations(self) -> tuple[OperationFigures, ...]:
        """The four stages, in their order."""
        with self._lock:
            return tuple(_operation_figures(one) for one in self._operations.values())

    def queries(self) -> tuple[QueryFigures, ...]:
        """The kinds of statement, most time first."""
        with self._lock:
            figures = [_query_figures(statement, times) for statement, times in self._queries.items()]
        return tuple(sorted(figures, key=lambda one: -one.count * one.mean_ms))

    def cache(self) -> CacheFigures:
        """The company cache."""
        return CacheFigures(**asdict(self._cache.counts))

    def events(self) -> tuple[EventFigures, ...]:
        """All kinds of event that there were, by name."""
        with self._lock:
            return tuple(
                EventFigures(kind=kind.value, count=count) for kind, count in sorted(self._events.items())
            )


def _operation_figures(operation: _Operation) -> OperationFigures:
    times, total = operation.times, operation.total
    return OperationFigures(
        operation=total.stage,
        runs=times.count,
        errors=operation.errors,
        mean_ms=times.mean_ms,
        p50_ms=times.quantile_ms(0.5),
        p95_ms=times.quantile_ms(0.95),
        max_ms=times.longest * 1000,
        last_at=operation.last_at,
        claimed=total.claimed,
        created=total.created,
        completed=total.completed,
        failed=total.failed,
        skipped=total.skipped,
    )


def _query_figures(statement: str, times: _Times) -> QueryFigures:
    return QueryFigures(
        statement=statement,
        count=times.count,
        mean_ms=times.mean_ms,
        p95_ms=times.quantile_ms(0.95),
        max_ms=times.longest * 1000,
    )


@dataclass(frozen=True, slots=True)
class Observer:
    """Hears all events and statements, and passes them to the counters, Prometheus and the operations log."""

    operations_log: OperationsLog
    telemetry: Telemetry
    counters: ActivityCounters = field(default_factory=ActivityCounters)

    def event(self, event: Event) -> None:
        """An event of a pipeline: an `EventSink`."""
        self.counters(event)
        self.telemetry.event(event.kind)
        if isinstance(event, StageEvent):
            self._stage_ended(event)
        if event.kind not in _COUNTED_ONLY:
            self.operations_log.note(event.kind.value, event.detail, level=_level(event.kind))

    def _stage_ended(self, run: StageEvent) -> None:
        outcome = "error" if run.report is None else "ok"
        self.telemetry.stage(run.stage, run.pipeline, outcome, run.seconds)
        if run.report == StageReport(run.stage):
            return  # a run that found nothing to do is counted, but would drown the log
        level = Level.ERROR if run.report is None else Level.INFO
        took_ms = round(run.seconds * 1000, 3)
        self.operations_log.note(run.stage.value, _told(run), level=level, duration_ms=took_ms)

    def pipeline_query(self, statement: str, seconds: float) -> None:
        """The pipeline's engine executed a statement."""
        self.counters.query(statement, seconds)
        self.telemetry.query("pipeline", statement, seconds)

    def service_query(self, statement: str, seconds: float) -> None:
        """The service's engine executed a statement."""
        self.telemetry.query("service", statement, seconds)


def _level(kind: EventKind) -> Level:
    if kind is EventKind.STAGE_FAILED:
        return Level.ERROR
    return Level.INFO if kind in _INFORMATIVE else Level.WARNING


def _told(run: StageEvent) -> str:
    if run.report is None:
        return f"{run.pipeline}: ended in an error ({run.detail.removeprefix(f'{run.stage}: ')})"
    report = run.report
    return (
        f"{run.pipeline}: {report.claimed} claimed, {report.created} created, {report.completed} completed, "
        f"{report.failed} failed, {report.skipped} skipped"
    )
