"""The pure decisions: what becomes of a request, which requests become which batch, what it costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.batching import PendingRequest, plan_batches
from claimbench.impl.errors import ApiError
from claimbench.impl.jsonl import BatchResultLine, CustomId
from claimbench.impl.lifecycle import (
    after_attempts,
    outcome_of_answer,
    outcome_of_line,
    outcome_of_refusal,
    outcome_without_line,
)
from claimbench.impl.ports import Completion, Policy
from claimbench.impl.prices import PriceFactor, cost_usd
from claimbench.impl.statuses import BatchStatus, ProcessingType, RequestStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy(requests_per_batch_max=25)


def line(status_code: int, code: str | None = None, content: str | None = None) -> BatchResultLine:
    return BatchResultLine(CustomId(1, ProcessingType.SUMMARY), content, 10, 2, status_code, code, "why")


@pytest.mark.parametrize("status_code", [0, 408, 409, 429, 500, 503])
def test_a_line_that_another_attempt_may_cure_has_failed(status_code: int) -> None:
    assert outcome_of_line(line(status_code), "gpt-4o-mini").status is RequestStatus.PROCESSING_FAILED


@pytest.mark.parametrize("status_code", [400, 401, 404, 413, 422])
def test_a_line_that_can_never_succeed_is_abandoned_at_once(status_code: int) -> None:
    assert outcome_of_line(line(status_code), "gpt-4o-mini").status is RequestStatus.PROCESSING_ABANDONED


def test_a_line_that_expired_goes_back_to_the_queue() -> None:
    assert outcome_of_line(line(0, "batch_expired"), "gpt-4o-mini").status is RequestStatus.PENDING_BATCHING


def test_an_answer_that_does_not_parse_fails_but_is_paid() -> None:
    outcome = outcome_of_line(line(200, content="nonsense"), "gpt-4o-mini")

    assert outcome.status is RequestStatus.PROCESSING_FAILED
    assert outcome.cost_usd is not None


def test_an_answer_completes_with_its_cost() -> None:
    completion = Completion('{"summary": "Fine."}', 1_000_000, 0)

    outcome = outcome_of_answer(ProcessingType.SUMMARY, "gpt-4o-mini", PriceFactor.BATCH, completion)

    assert (outcome.status, outcome.cost_usd) == (RequestStatus.PROCESSING_COMPLETE, Decimal("0.075000"))


def test_a_final_refusal_abandons_and_a_passing_one_fails() -> None:
    outcomes = [outcome_of_refusal(ApiError("no", retryable=retryable)).status for retryable in (True, False)]

    assert outcomes == [RequestStatus.PROCESSING_FAILED, RequestStatus.PROCESSING_ABANDONED]


@pytest.mark.parametrize(
    ("ended", "error", "status"),
    [
        (BatchStatus.COMPLETED, None, RequestStatus.PROCESSING_FAILED),
        (BatchStatus.FAILED, "invalid_json_line: no", RequestStatus.PROCESSING_FAILED),
        (BatchStatus.FAILED, "token_limit_exceeded: wait", RequestStatus.PENDING_BATCHING),
        (BatchStatus.EXPIRED, None, RequestStatus.PENDING_BATCHING),
        (BatchStatus.CANCELLED, None, RequestStatus.PENDING_BATCHING),
    ],
)
def test_a_request_without_a_line_follows_its_batch(
    ended: BatchStatus, error: str | None, status: RequestStatus
) -> None:
    assert outcome_without_line(ended, error).status is status


@given(st.sampled_from(RequestStatus), st.integers(0, 9), st.integers(1, 5))
def test_nothing_goes_another_round_with_its_attempts_used_up(
    status: RequestStatus, attempts: int, attempts_max: int
) -> None:
    becomes = after_attempts(status, attempts, attempts_max)

    again = becomes in (RequestStatus.PROCESSING_FAILED, RequestStatus.PENDING_BATCHING)
    assert not again or attempts < attempts_max


def test_an_unknown_model_has_no_price_rather_than_a_wrong_one() -> None:
    assert cost_usd("model-of-tomorrow", PriceFactor.BATCH, 1, 1) is None


pending = st.builds(
    PendingRequest,
    id=st.integers(1, 10_000),
    company_id=st.integers(1, 4),
    model=st.sampled_from(["a", "b"]),
    requested_at=st.integers(0, 60).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    attempts=st.integers(0, 2),
)


@given(st.lists(pending, unique_by=lambda request: request.id, max_size=120))
def test_a_batch_holds_one_company_and_model_within_the_limit(requests: list[PendingRequest]) -> None:
    for batch in plan_batches(requests, POLICY, NOW):
        kinds = {(request.company_id, request.model) for request in batch.requests}

        assert kinds == {(batch.company_id, batch.model)}
        assert 1 <= len(batch.requests) <= POLICY.requests_per_batch_max


@given(st.lists(pending, unique_by=lambda request: request.id, max_size=120), st.randoms())
def test_batches_and_their_keys_do_not_depend_on_the_order_of_the_rows(
    requests: list[PendingRequest], random: object
) -> None:
    shuffled = sorted(requests, key=lambda request: (request.id * 7919) % 101)

    assert [b.key for b in plan_batches(requests, POLICY, NOW)] == [
        b.key for b in plan_batches(shuffled, POLICY, NOW)
    ]


@given(st.lists(pending, unique_by=lambda request: request.id, max_size=120))
def test_no_request_is_in_two_batches_and_no_old_one_in_none(requests: list[PendingRequest]) -> None:
    batched = [request.id for batch in plan_batches(requests, POLICY, NOW) for request in batch.requests]

    assert len(batched) == len(set(batched))
    old = {r.id for r in requests if NOW - r.requested_at >= POLICY.pending_age_max}
    assert old <= set(batched)


def test_a_few_young_requests_wait() -> None:
    young = [PendingRequest(i, 1, "a", NOW, 0) for i in range(9)]

    assert list(plan_batches(young, POLICY, NOW)) == []


def test_another_attempt_of_the_same_requests_is_another_batch() -> None:
    first, second = ([PendingRequest(i, 1, "a", NOW, attempts) for i in range(10)] for attempts in (0, 1))

    keys = [batch.key for group in (first, second) for batch in plan_batches(group, POLICY, NOW)]

    assert len(set(keys)) == 2
