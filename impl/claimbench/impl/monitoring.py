"""What a pipeline's events add up to: runs, durations and work of stages, choices, fallbacks, cache use."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from claimbench.impl.breaker import BreakerStatus
from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.stage_events import ChoiceEvent, FallbackEvent, Path, StageEvent

DURATIONS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage on one path or pipeline; seconds over its last runs, counts since the start."""

    stage: Stage
    pipeline: str
    runs: int
    errors: int
    seconds_mean: float
    seconds_max: float
    work: StageReport


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """The company cache; the hit rate (0..1) is None before the first lookup."""

    hits: int
    misses: int
    refreshes: int
    invalidations: int

    @property
    def hit_rate(self) -> float | None:
        """Hits per lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


@dataclass(frozen=True, slots=True)
class MonitorSnapshot:
    """One moment of the books."""

    stages: tuple[StageFigures, ...]
    cache: CacheFigures
    choices: Mapping[Path, int]
    fallbacks: tuple[FallbackEvent, ...]
    fallback_count: int
    events: Mapping[EventKind, int]
    breakers: tuple[BreakerStatus, ...]


@dataclass(slots=True)
class _Book:
    """The running sums of one stage on one pipeline."""

    work: StageReport
    runs: int = 0
    errors: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=DURATIONS_KEPT))


def _no_breakers() -> tuple[BreakerStatus, ...]:
    return ()


class Monitor:
    """An `EventSink`; safe in threads. `breakers` tells how the API's breakers are."""

    def __init__(self, breakers: Callable[[], tuple[BreakerStatus, ...]] = _no_breakers) -> None:
        self._breakers = breakers
        self._lock = threading.Lock()
        self._books: dict[tuple[Stage, str], _Book] = {}
        self._events: Counter[EventKind] = Counter()
        self._choices: Counter[Path] = Counter()
        self._fallbacks: deque[FallbackEvent] = deque(maxlen=100)

    def __call__(self, event: Event) -> None:
        """Take an event into the books."""
        with self._lock:
            self._events[event.kind] += 1
            match event:
                case StageEvent():
                    self._enter(event)
                case ChoiceEvent():
                    self._choices[event.path] += 1
                case FallbackEvent():
                    self._fallbacks.append(event)

    def snapshot(self) -> MonitorSnapshot:
        """The books as they are now; the last hundred fallbacks in full."""
        with self._lock:
            return MonitorSnapshot(
                stages=tuple(_figures(stage, name, book) for (stage, name), book in self._books.items()),
                cache=self._cache(),
                choices=MappingProxyType({path: self._choices[path] for path in Path}),
                fallbacks=tuple(self._fallbacks),
                fallback_count=self._events[EventKind.FALLBACK],
                events=MappingProxyType(dict(self._events)),
                breakers=self._breakers(),
            )

    def _enter(self, event: StageEvent) -> None:
        key = (event.stage, event.pipeline)
        book = self._books.setdefault(key, _Book(StageReport(event.stage)))
        book.runs += 1
        book.seconds.append(event.seconds)
        if event.report is None:
            book.errors += 1
        else:
            book.work = book.work.plus(event.report)

    def _cache(self) -> CacheFigures:
        return CacheFigures(
            hits=self._events[EventKind.CACHE_HIT],
            misses=self._events[EventKind.CACHE_MISS],
            refreshes=self._events[EventKind.CACHE_REFRESH],
            invalidations=self._events[EventKind.CACHE_INVALIDATION],
        )


def _figures(stage: Stage, pipeline: str, book: _Book) -> StageFigures:
    return StageFigures(
        stage=stage,
        pipeline=pipeline,
        runs=book.runs,
        errors=book.errors,
        seconds_mean=sum(book.seconds) / len(book.seconds),
        seconds_max=max(book.seconds),
        work=book.work,
    )
