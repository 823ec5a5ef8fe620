import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.loadgen.load.histogram import PERCENTILES, Latencies, from_text, pieces, to_text

seconds = st.floats(1e-6, 3_000)


def recorded(values: list[float]) -> Latencies:
    latencies = Latencies()
    for value in values:
        latencies.record(value)
    return latencies


@given(st.lists(seconds, min_size=1, max_size=200))
def test_every_percentile_is_within_a_thousandth_of_the_exact_one(values: list[float]) -> None:
    exact = np.percentile(np.array(values), PERCENTILES, method="inverted_cdf") * 1000

    assert recorded(values).percentiles_ms() == pytest.approx(tuple(exact), rel=1e-3)


@given(st.lists(st.lists(seconds, max_size=40), max_size=5))
def test_merging_shares_gives_the_histogram_of_the_whole(shares: list[list[float]]) -> None:
    merged = Latencies()
    for each in shares:
        merged.merge(recorded(each).encode())

    assert merged.encode() == recorded([value for each in shares for value in each]).encode()


@given(st.lists(seconds, min_size=1, max_size=300), st.integers(80, 400))
def test_pieces_keep_their_limit_and_merge_to_the_whole(values: list[float], limit: int) -> None:
    whole, merged = recorded(values), Latencies()
    for piece in pieces(whole, limit):
        merged.merge(piece)

        assert len(piece) <= limit

    assert merged.encode() == whole.encode()


def test_a_third_of_a_millisecond_differs_from_two_thirds() -> None:
    latencies = recorded([0.00031] * 50 + [0.00062] * 50)

    assert latencies.percentiles_ms((50.0, 95.0)) == pytest.approx((0.31, 0.62), rel=1e-3)


def test_an_empty_histogram_says_zero() -> None:
    assert Latencies().percentiles_ms() == (0.0,) * len(PERCENTILES)
    assert Latencies().mean_ms() == 0


@pytest.mark.parametrize(("given_s", "told_ms"), [(-1.0, 1e-6), (0.0, 1e-6), (90_000.0, 3_600_000.0)])
def test_what_no_clock_can_mean_is_recorded_at_the_nearest_end(given_s: float, told_ms: float) -> None:
    assert recorded([given_s]).percentile_ms(100) == pytest.approx(told_ms, rel=1e-3)


@given(st.lists(seconds, max_size=50))
def test_a_records_text_reads_back_as_the_same_histogram(values: list[float]) -> None:
    latencies = recorded(values)

    assert from_text(to_text(latencies)).encode() == latencies.encode()


def test_the_mean_lies_where_arithmetic_puts_it() -> None:
    assert recorded([0.001, 0.002, 0.006]).mean_ms() == pytest.approx(3, rel=1e-3)
