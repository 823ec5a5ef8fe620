from collections import Counter

import pytest
from plain_seeding import PlainSeed, make_plan

from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding.plan import PENDING_SPAN, Era
from claimbench.scenarios.model import BatchDataset


def test_active_companies_have_exactly_the_pending_requests_that_were_asked_for(seed: PlainSeed) -> None:
    active = {company.id for company in seed.plan.companies if company.active}
    asked = sum(
        len(session.asks)
        for session in seed.plan.sessions
        if session.era is Era.PENDING and session.company_id in active
    )

    assert len(active) == 12
    assert asked == 12 * 40


def test_about_a_tenth_of_the_companies_come_on_top_and_are_inactive_with_waiting_requests(
    seed: PlainSeed,
) -> None:
    idle = [company for company in seed.plan.companies if not company.active]

    assert len(idle) == 1
    assert idle[0].pending == 20


def test_every_company_has_a_pending_request(seed: PlainSeed) -> None:
    waiting = {session.company_id for session in seed.plan.sessions if session.era is Era.PENDING}

    assert waiting == {company.id for company in seed.plan.companies}


def test_no_session_is_asked_the_same_thing_of_the_same_model_twice(seed: PlainSeed) -> None:
    assert all(len(set(session.asks)) == len(session.asks) for session in seed.plan.sessions)


def test_some_sessions_have_two_requests_and_most_have_one(seed: PlainSeed) -> None:
    counts = Counter(len(session.asks) for session in seed.plan.sessions if session.era is Era.PENDING)

    assert set(counts) == {1, 2}
    assert counts[1] > counts[2]


def test_two_models_are_asked_and_the_first_one_mostly(seed: PlainSeed) -> None:
    models = Counter(ask.model for session in seed.plan.sessions for ask in session.asks)

    assert set(models) == {"gpt-4o-mini", "gpt-4.1-mini"}
    assert models["gpt-4o-mini"] > 3 * models["gpt-4.1-mini"]


def test_pending_requests_are_spread_over_the_hour_before_the_epoch(seed: PlainSeed) -> None:
    moments = [session.requested_at for session in seed.plan.sessions if session.era is Era.PENDING]
    quarters = Counter(int((EPOCH - moment) / (PENDING_SPAN / 4)) for moment in moments)

    assert min(moments) >= EPOCH - PENDING_SPAN
    assert max(moments) < EPOCH
    assert all(count == pytest.approx(len(moments) / 4, abs=2) for count in quarters.values())


def test_sessions_are_in_order_of_time_so_that_ids_are_too(seed: PlainSeed) -> None:
    moments = [session.requested_at for session in seed.plan.sessions]

    assert moments == sorted(moments)


def test_requests_of_the_past_are_in_batches_of_their_own_company_and_model(seed: PlainSeed) -> None:
    plan = seed.plan
    for session, batch_id in zip(plan.sessions, plan.batch_of_session, strict=True):
        assert (batch_id is None) == (session.era is Era.PENDING)
        if batch_id is not None:
            batch = plan.batches[batch_id - 1]
            assert (batch.company_id, batch.model) == (session.company_id, session.asks[0].model)
            assert batch.created_at >= session.requested_at


def test_another_seed_gives_another_plan(dataset: BatchDataset) -> None:
    other = make_plan(dataset.model_copy(update={"seed": 8}), companies=12)

    assert other != make_plan(dataset, companies=12)


def test_a_dataset_without_history_has_none(dataset: BatchDataset) -> None:
    plan = make_plan(dataset.model_copy(update={"history_per_company": 0}), companies=3)

    assert Era.HISTORY not in {session.era for session in plan.sessions}
