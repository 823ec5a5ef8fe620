"""The company cache: what is in it, for how long, and what is counted."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine

from claimbench.impl.company_cache import CacheCounts, CompanyCache
from claimbench.impl.events import Event, EventKind

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
TTL = timedelta(minutes=5)


class Known(CompanyCache):
    """A cache that loads the same companies each time."""

    def _load(self) -> tuple[int, ...]:
        return (1, 2)


def cache_that_tells(told: list[Event]) -> CompanyCache:
    return Known(create_engine("postgresql+psycopg://"), TTL, told.append)  # never connected to


def test_an_expired_entry_is_let_go_by_itself_and_counted_once() -> None:
    told: list[Event] = []
    cache = cache_that_tells(told)
    cache.active_companies(NOON)
    for minutes in (4, 5, 6):
        cache.clean_up(NOON + timedelta(minutes=minutes))

    assert cache.counts == CacheCounts(hits=0, misses=1, refreshes=1, expiries=1)
    assert [event.kind for event in told][-1] is EventKind.CACHE_EXPIRY


def test_a_look_at_an_expired_entry_counts_its_expiry_and_a_miss() -> None:
    cache = cache_that_tells([])
    for minutes in (0, 4, 5, 9, 10):
        cache.active_companies(NOON + timedelta(minutes=minutes))

    assert cache.counts == CacheCounts(hits=2, misses=3, refreshes=3, expiries=2)


def test_a_clock_that_was_set_back_makes_an_entry_expire() -> None:
    cache = cache_that_tells([])
    cache.active_companies(NOON)
    cache.clean_up(NOON - timedelta(minutes=1))

    assert cache.counts.expiries == 1
