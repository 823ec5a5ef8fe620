from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.errors import UsageError
from claimbench.loadgen.commands.verify import chosen_kinds
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.verify.histories import History, TurnOrder, draw_history
from claimbench.loadgen.verify.shrinking import shortest

ALL = chosen_kinds("all")
SEEDS = st.integers(min_value=0, max_value=10**9)


@given(SEEDS)
def test_a_seed_gives_the_same_history_each_time(seed: int) -> None:
    assert draw_history(seed, ALL) == draw_history(seed, ALL)


@given(SEEDS)
def test_a_history_shows_each_of_its_parts(seed: int) -> None:
    history = draw_history(seed, ALL)
    shown = str(history).splitlines()

    parts = (*history.dataset.companies, *history.faults, *history.breaks, *history.turns)
    assert len(shown) == 1 + len(parts) + len(history.suspensions)
    assert f"seed {seed}" in shown[0]


def test_histories_of_other_seeds_are_other_ones() -> None:
    assert len({str(draw_history(seed, ALL)) for seed in range(50)}) == 50


@given(SEEDS)
def test_a_history_has_only_the_faults_that_were_asked_for(seed: int) -> None:
    history = draw_history(seed, (FaultKind.EXPIRE,))

    assert {fault.kind for fault in history.faults} <= {FaultKind.EXPIRE}


@given(SEEDS)
def test_every_smaller_history_has_a_part_less(seed: int) -> None:
    history = draw_history(seed, ALL)

    assert all(size(smaller) < size(history) for smaller in history.smaller())


def size(history: History) -> int:
    sessions = [session for company in history.dataset.companies for session in company.sessions]
    requests = sum(len(session.requests) for session in sessions)
    parts = (history.dataset.companies, history.faults, history.breaks, history.turns, history.suspensions)
    return requests + len(sessions) + sum(map(len, parts)) + (history.order is TurnOrder.INTERLEAVED)


def test_histories_hold_every_kind_of_fault_and_of_odd_row() -> None:
    many = [draw_history(seed, ALL) for seed in range(600)]
    sessions = [one for history in many for company in history.dataset.companies for one in company.sessions]

    assert {fault.kind for history in many for fault in history.faults} == set(ALL)
    assert len({session.oddity for session in sessions}) == 8
    assert any(turn.clock_error_minutes < 0 for history in many for turn in history.turns)


def test_histories_hold_suspensions_crowds_large_companies_long_sessions_and_schedulers_at_once() -> None:
    many = [draw_history(seed, ALL) for seed in range(300)]
    companies = [company for history in many for company in history.dataset.companies]
    ends = {one.until_turn is None for history in many for one in history.suspensions}

    assert ends == {True, False}
    assert max(len(history.dataset.companies) for history in many) > 100
    assert max(len(company.sessions) for company in companies) > 100
    assert max(session.messages for company in companies for session in company.sessions) > 10
    assert max(len(turns) for history in many for turns in history.rounds) == 3


def test_what_is_taken_at_once_is_taken_by_different_schedulers() -> None:
    rounds = [turns for seed in range(200) for turns in draw_history(seed, ALL).rounds]

    assert all(len({turn.scheduler for turn in turns}) == len(turns) for turns in rounds)


def test_a_shortened_history_keeps_only_what_the_failure_needs() -> None:
    history = next(one for one in (draw_history(seed, ALL) for seed in range(99)) if len(one.faults) > 2)
    culprit = history.faults[1]

    short = shortest(history, lambda candidate: culprit in candidate.faults)

    assert set(short.faults) == {culprit}
    assert (short.breaks, short.turns, short.dataset.companies) == ((), (), ())


def test_a_history_that_fails_whatever_is_taken_out_ends_empty() -> None:
    short = shortest(draw_history(5, ALL), lambda _: True)

    assert size(short) == 0


def test_a_history_that_fails_only_as_a_whole_stays_whole() -> None:
    history = draw_history(5, ALL)

    assert shortest(history, lambda _: False) == history


def test_a_calm_history_has_no_trouble_that_depends_on_the_order_of_work() -> None:
    calm = [one for one in (draw_history(seed, ALL) for seed in range(200)) if one.is_calm]

    assert len(calm) > 20
    assert not [one for one in calm if replace(one, faults=()).breaks]


def test_an_unknown_fault_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"there is no fault 'typo'.*expire"):
        chosen_kinds("expire,typo")
