import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.loadgen.load.arrivals import Spacing, Stretch, arrival_times, constant, share
from claimbench.loadgen.load.traffic import draw

rates = st.floats(0, 200)
stretches = st.lists(st.builds(Stretch, st.floats(0.1, 20), rates, rates), min_size=1, max_size=4)


def length_s(profile: list[Stretch]) -> float:
    return sum(stretch.duration_s for stretch in profile)


def test_a_constant_rate_gives_exactly_rate_times_time_arrivals_evenly_spaced() -> None:
    times = arrival_times(constant(100, 20), Spacing.EVEN, 1)

    assert len(times) == 2_000
    assert times == pytest.approx(np.arange(2_000) / 100)


def test_a_ramp_reaches_half_of_its_arrivals_at_the_root_of_a_half_of_its_time() -> None:
    times = arrival_times([Stretch(10, 0, 100)], Spacing.EVEN, 1)

    assert len(times) == 500
    assert times[250] == pytest.approx(10 * np.sqrt(0.5))


def test_a_pause_between_two_stretches_has_no_arrival_in_it() -> None:
    times = arrival_times([Stretch(2, 10, 10), Stretch(3, 0, 0), Stretch(2, 10, 10)], Spacing.EVEN, 1)

    assert len(times) == 40
    assert not ((times > 2.0001) & (times < 4.9999)).any()


@given(stretches, st.sampled_from(Spacing), st.integers(0, 2**32))
def test_arrivals_ascend_and_stay_within_the_schedule(
    profile: list[Stretch], spacing: Spacing, seed: int
) -> None:
    times = arrival_times(profile, spacing, seed)

    assert (np.diff(times) >= -1e-9).all()
    assert ((times >= 0) & (times <= length_s(profile) + 1e-6)).all()


@given(stretches, st.integers(0, 2**32))
def test_even_arrivals_are_as_many_as_the_rate_promises(profile: list[Stretch], seed: int) -> None:
    expected = sum(stretch.expected for stretch in profile)

    assert abs(len(arrival_times(profile, Spacing.EVEN, seed)) - expected) <= 1


@given(st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_poisson_arrivals(seed: int) -> None:
    first = arrival_times(constant(50, 4), Spacing.POISSON, seed)

    assert (first == arrival_times(constant(50, 4), Spacing.POISSON, seed)).all()


def test_another_seed_gives_other_poisson_arrivals() -> None:
    first = arrival_times(constant(50, 4), Spacing.POISSON, 1)

    assert list(first) != list(arrival_times(constant(50, 4), Spacing.POISSON, 2))


def test_the_gaps_of_poisson_arrivals_have_the_spread_of_an_exponential_distribution() -> None:
    gaps = np.diff(arrival_times(constant(100, 400), Spacing.POISSON, 7))

    assert gaps.mean() == pytest.approx(0.01, rel=0.02)
    assert gaps.std() == pytest.approx(0.01, rel=0.03)


@given(st.integers(0, 500), st.integers(1, 9))
def test_the_shares_of_all_workers_are_the_whole_and_overlap_nowhere(count: int, workers: int) -> None:
    taken = [position for worker in range(workers) for position in share(count, worker, workers)]

    assert sorted(taken) == list(range(count))


def test_what_an_arrival_does_follows_the_weights_and_hangs_on_the_seed_alone() -> None:
    drawn, again = draw(20_000, [3, 1], 2, seed=5), draw(20_000, [3, 1], 2, seed=5)

    assert (drawn.operations == again.operations).all()
    assert (drawn.operations == 0).mean() == pytest.approx(0.75, abs=0.01)
    assert (drawn.tenants == 0).mean() == pytest.approx(2 / 3, abs=0.01)


def test_operations_and_tenants_are_drawn_independently() -> None:
    drawn = draw(20_000, [1, 1], 2, seed=5)

    assert abs(np.corrcoef(drawn.operations, drawn.tenants)[0, 1]) < 0.03
