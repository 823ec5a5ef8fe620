"""What happened in this process since it started, counted; threads may share one."""

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean

from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.service.figures import CacheFigures, EventFigures, OperationFigures, QueryFigures

KEPT = 1_000


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


@dataclass(frozen=True, slots=True)
class StageRun:
    """One run of one stage; `report` is None when it ended in an error."""

    stage: Stage
    pipeline: str
    ended_at: datetime
    seconds: float
    report: StageReport | None


class Ledger:
    """Counts stage runs, events and statements."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations = {stage: _Operation(_Times(), StageReport(stage)) for stage in Stage}
        self._events: Counter[EventKind] = Counter()
        self._queries: dict[str, _Times] = {}

    def stage_ran(self, run: StageRun) -> None:
        """Count a run."""
        with self._lock:
            operation = self._operations[run.stage]
            operation.times.add(run.seconds)
            operation.last_at = run.ended_at
            if run.report is None:
                operation.errors += 1
            else:
                operation.total = operation.total.plus(run.report)

    def event(self, event: Event) -> None:
        """Count an event."""
        with self._lock:
            self._events[event.kind] += 1

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
        with self._lock:
            return CacheFigures(
                hits=self._events[EventKind.CACHE_HIT],
                misses=self._events[EventKind.CACHE_MISS],
                refreshes=self._events[EventKind.CACHE_REFRESH],
                invalidations=self._events[EventKind.CACHE_INVALIDATION],
            )

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
