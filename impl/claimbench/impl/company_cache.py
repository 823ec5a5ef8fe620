"""The company cache of the document: active companies, kept for five minutes, with honest counts."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from claimbench.impl.events import Event, EventKind, EventSink
from claimbench.impl.schema import Company
from claimbench.impl.statuses import CompanyStatus


@dataclass(frozen=True, slots=True)
class CacheStats:
    """How the cache was used since it was made; each lookup is a hit or a miss."""

    hits: int = 0
    misses: int = 0
    refreshes: int = 0
    invalidations: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    company_ids: tuple[int, ...]
    loaded_at: datetime


class CompanyCache:
    """The ids of all active companies. Threads may share one; only one of them refreshes."""

    def __init__(self, engine: Engine, ttl: timedelta, events: EventSink) -> None:
        self._engine, self._ttl, self._events = engine, ttl, events
        self._lock = threading.Lock()
        self._entry: _Entry | None = None
        self._stats = CacheStats()

    @property
    def stats(self) -> CacheStats:
        """The counts up to now."""
        return self._stats

    def active_companies(self, now: datetime) -> tuple[int, ...]:
        """The ids, ascending: from memory while fresh, else by one query."""
        with self._lock:
            if self._entry is not None and self._is_fresh(self._entry, now):
                self._stats = replace(self._stats, hits=self._stats.hits + 1)
                self._events(Event(EventKind.CACHE_HIT, "companies"))
                return self._entry.company_ids
            self._stats = replace(self._stats, misses=self._stats.misses + 1)
            self._events(Event(EventKind.CACHE_MISS, "companies"))
            self._entry = _Entry(self._load(), now)
            self._stats = replace(self._stats, refreshes=self._stats.refreshes + 1)
            self._events(Event(EventKind.CACHE_REFRESH, "companies"))
            return self._entry.company_ids

    def invalidate(self) -> None:
        """Forget: the next lookup is a miss."""
        with self._lock:
            self._entry = None
            self._stats = replace(self._stats, invalidations=self._stats.invalidations + 1)
            self._events(Event(EventKind.CACHE_INVALIDATION, "companies"))

    def _is_fresh(self, entry: _Entry, now: datetime) -> bool:
        """A clock that was set back makes the entry stale too: its age is then unknown."""
        return timedelta(0) <= now - entry.loaded_at < self._ttl

    def _load(self) -> tuple[int, ...]:
        query = select(Company.id).where(Company.status == CompanyStatus.ACTIVE).order_by(Company.id)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return tuple(connection.scalars(query))
