"""The company cache of the document: active companies, kept for five minutes, with honest counts."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from claimbench.impl.events import Event, EventKind, EventSink
from claimbench.impl.schema import Company
from claimbench.impl.statuses import CompanyStatus


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """How often the cache was used; each lookup is a hit or a miss."""

    hits: int = 0
    misses: int = 0
    refreshes: int = 0
    invalidations: int = 0
    expiries: int = 0

    @property
    def hit_rate(self) -> float | None:
        """Hits per lookup (0..1); None before the first lookup, and for a pipeline that has no cache."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None


class CacheCounter:
    """An `EventSink` that counts what the cache tells; the only counter of cache use. Safe in threads.

    uncounted_lookups: so many of the first lookups are left out, such as the one that fills the cache.
    """

    def __init__(self, uncounted_lookups: int = 0) -> None:
        self._lock = threading.Lock()
        self._uncounted = uncounted_lookups
        self._counts = CacheCounts()

    @property
    def counts(self) -> CacheCounts:
        """The counts up to now."""
        return self._counts

    def __call__(self, event: Event) -> None:
        """Count an event of the cache, and pass over all others."""
        field = _COUNTED_AS.get(event.kind)
        if field is None:
            return
        with self._lock:
            if self._uncounted and field in ("hits", "misses"):
                self._uncounted -= 1
            else:
                self._counts = replace(self._counts, **{field: getattr(self._counts, field) + 1})


_COUNTED_AS = {
    EventKind.CACHE_HIT: "hits",
    EventKind.CACHE_MISS: "misses",
    EventKind.CACHE_REFRESH: "refreshes",
    EventKind.CACHE_INVALIDATION: "invalidations",
    EventKind.CACHE_EXPIRY: "expiries",
}


@dataclass(frozen=True, slots=True)
class _LoadedCompanies:
    company_ids: tuple[int, ...]
    loaded_at: datetime


class CompanyCache:
    """The ids of all active companies. Threads may share one; only one of them refreshes."""

    def __init__(self, engine: Engine, ttl: timedelta, events: EventSink) -> None:
        self._engine, self._ttl, self._events = engine, ttl, events
        self._lock = threading.Lock()
        self._loaded: _LoadedCompanies | None = None
        self._counter = CacheCounter()

    @property
    def counts(self) -> CacheCounts:
        """How it was used since it was made."""
        return self._counter.counts

    def active_companies(self, now: datetime) -> tuple[int, ...]:
        """The ids, ascending: from memory while fresh, else by one query."""
        with self._lock:
            self._let_go(now)
            if self._loaded is not None:
                self._tell(EventKind.CACHE_HIT)
                return self._loaded.company_ids
            self._tell(EventKind.CACHE_MISS)
            self._loaded = _LoadedCompanies(self._load(), now)
            self._tell(EventKind.CACHE_REFRESH)
            return self._loaded.company_ids

    def invalidate(self) -> None:
        """Forget: the next lookup is a miss."""
        with self._lock:
            self._loaded = None
            self._tell(EventKind.CACHE_INVALIDATION)

    def clean_up(self, now: datetime) -> None:
        """Let an entry go that has expired, and count it, though nobody looks for it any more."""
        with self._lock:
            self._let_go(now)

    def _let_go(self, now: datetime) -> None:
        if self._loaded is not None and not self._is_fresh(self._loaded, now):
            self._loaded = None
            self._tell(EventKind.CACHE_EXPIRY)

    def _tell(self, kind: EventKind) -> None:
        event = Event(kind, "companies")
        self._counter(event)
        self._events(event)

    def _is_fresh(self, loaded: _LoadedCompanies, now: datetime) -> bool:
        """A clock that was set back makes them stale too: their age is then unknown."""
        return timedelta(0) <= now - loaded.loaded_at < self._ttl

    def _load(self) -> tuple[int, ...]:
        query = select(Company.id).where(Company.status == CompanyStatus.ACTIVE).order_by(Company.id)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return tuple(connection.scalars(query))
