"""Waiting for a model at its limit, and how a stage learns to stop calling."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.batching import BackOff, PendingRequest, is_back_off, plan_batches
from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy()


@given(st.integers(1, 40), st.integers(-10_000, 10_000))
def test_no_wait_is_longer_than_the_longest_whatever_the_clock_did(refusals: int, minutes: int) -> None:
    back_off = BackOff(refusals, NOW - timedelta(minutes=minutes))

    assert not back_off.holds(POLICY, NOW) or 0 <= minutes < 60


def test_each_refusal_doubles_the_wait_up_to_an_hour() -> None:
    waits = [
        next(m for m in range(1, 100) if not BackOff(n, NOW).holds(POLICY, NOW + timedelta(minutes=m)))
        for n in (1, 2, 3, 4, 5, 30)
    ]

    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_model_at_its_limit_waits_and_goes_on_in_smaller_batches() -> None:
    def planned(now: datetime) -> list[int]:
        back_off = BackOff(3, NOW)
        group = [PendingRequest(i, 1, "a", NOW, 0, back_off) for i in range(20)]
        return [len(batch.requests) for batch in plan_batches(group, POLICY, now)]

    assert planned(NOW + timedelta(minutes=19)) == []
    assert planned(NOW + timedelta(minutes=20)) == [5, 5, 5, 5]


def test_only_limits_are_reasons_to_wait() -> None:
    reasons = [is_back_off(text) for text in ("token_limit_exceeded: wait", "invalid_json_line: no", None)]

    assert reasons == [True, False, False]


def test_a_stage_breaker_opens_at_once_by_a_refused_key_and_by_the_last_tolerated_rate_limit() -> None:
    events: list[Event] = []
    by_key, by_limit = StageBreaker(events.append, 3), StageBreaker(events.append, 3)
    by_key.count(ApiError("no key", status_code=401, retryable=False))
    pulled = []
    for _ in range(4):
        by_limit.count(ApiError("slow down", status_code=429, retryable=True))
        pulled.append(by_limit.is_open)

    assert by_key.is_open
    assert pulled == [False, False, True, True]
    assert [event.kind for event in events].count(EventKind.HELD_BACK) == 2


def test_a_stage_breaker_counts_rate_limits_in_a_row_and_stays_open() -> None:
    breaker, limited = StageBreaker(lambda _: None, 2), ApiError("slow", status_code=429, retryable=True)
    for _ in range(5):
        breaker.count(limited)
        breaker.succeeded()
    closed = breaker.is_open
    breaker.count(limited)
    breaker.count(limited)
    breaker.succeeded()

    assert not closed
    assert breaker.is_open


def test_a_stage_breaker_is_not_opened_by_what_is_one_requests_own_fault() -> None:
    breaker = StageBreaker(lambda _: None)
    breaker.count(ApiError("too long", status_code=400, retryable=False))
    breaker.count(ApiError("oops", status_code=500, retryable=True))

    assert not breaker.is_open
