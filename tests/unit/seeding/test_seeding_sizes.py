import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.loadgen.workloads.batch_pipeline.seeding.sizes import failed_count, zipf_sizes

COMPANIES = st.integers(1, 200)
SKEWS = st.floats(0, 3)


@given(companies=COMPANIES, each=st.integers(1, 50), skew=SKEWS)
def test_sizes_add_up_to_the_total_and_nobody_has_none(companies: int, each: int, skew: float) -> None:
    sizes = zipf_sizes(companies, companies * each, skew)

    assert sum(sizes) == companies * each
    assert len(sizes) == companies
    assert min(sizes) >= 1


@given(companies=COMPANIES, each=st.integers(1, 50), skew=SKEWS)
def test_sizes_never_rise_with_the_rank(companies: int, each: int, skew: float) -> None:
    sizes = zipf_sizes(companies, companies * each, skew)

    assert list(sizes) == sorted(sizes, reverse=True)


@given(companies=COMPANIES, each=st.integers(1, 50))
def test_without_skew_all_companies_are_equal(companies: int, each: int) -> None:
    assert set(zipf_sizes(companies, companies * each, 0)) == {each}


def test_with_skew_1_the_first_company_is_about_twice_the_second() -> None:
    first, second, *_ = zipf_sizes(50, 50_000, 1)

    assert first / second == pytest.approx(2, rel=0.01)


def test_fewer_requests_than_companies_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot give each of 3 companies one"):
        zipf_sizes(3, 2, 1)


@given(pending=st.integers(10, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_a_larger_company_always_has_a_failed_request(pending: int, chance: float) -> None:
    assert failed_count(pending, chance) >= 1


@given(chance=st.floats(0, 1, exclude_max=True))
def test_about_3_percent_as_many_requests_have_failed_as_wait(chance: float) -> None:
    assert failed_count(1000, chance) == 30
