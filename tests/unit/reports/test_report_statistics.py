import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from claimbench.reports.judge.statistics import (
    CONFIDENCE,
    STUDENT,
    level,
    location,
    observed_reduction,
    reduction,
    signed_rank,
)

positive = st.floats(1e-3, 1e6)
pairs = st.lists(st.tuples(positive, positive), min_size=2, max_size=15)


def coverage(blocks: int, draw: str, experiments: int = 1000) -> float:
    """The share of intervals that cover the true effect of 0 between two equally noisy arms."""
    random = np.random.default_rng(20)
    noise = {
        "normal": lambda: random.normal(0, 0.05, blocks),
        "heavy": lambda: 0.05 * random.standard_t(3, blocks),
        "skewed": lambda: 0.05 * np.exp(random.normal(0, 1, blocks)),
    }[draw]
    intervals = [location(noise() - noise()) for _ in range(experiments)]
    return float(np.mean([each.ci_low <= 0 <= each.ci_high for each in intervals]))


@pytest.mark.parametrize("blocks", [4, 6, 8, 12])
@pytest.mark.parametrize("draw", ["normal", "heavy", "skewed"])
def test_an_interval_at_95_percent_covers_the_effect_in_95_percent_of_experiments(
    blocks: int, draw: str
) -> None:
    allowance = 0.021  # three standard errors of a share of 95 % in 1000 experiments

    assert coverage(blocks, draw) >= 0.95 - allowance


def test_the_bootstrap_of_the_median_covers_less_which_is_why_it_was_not_chosen() -> None:
    random = np.random.default_rng(3)
    experiments = random.normal(0, 0.05, (1000, 8)) - random.normal(0, 0.05, (1000, 8))
    drawn = random.integers(0, 8, (1000, 499, 8))
    medians = np.median(np.take_along_axis(experiments[:, None, :], drawn, axis=2), axis=2)
    low, high = np.quantile(medians, [0.025, 0.975], axis=1)

    covered = float(np.mean((low <= 0) & (high >= 0)))

    assert covered < 0.94 < coverage(8, "normal")


@pytest.mark.parametrize("blocks", range(6, 16))
def test_the_rank_of_the_bounds_is_that_of_the_signed_rank_distribution(blocks: int) -> None:
    null = stats.wilcoxon  # an independent count of the same distribution
    ordered = np.arange(1, blocks + 1, dtype=float)

    def lower_tail(statistic: int) -> float:
        signs = np.ones(blocks)
        left = statistic
        for rank in range(blocks, 0, -1):
            if rank <= left:
                signs[rank - 1], left = -1, left - rank
        return float(null(-ordered * signs, alternative="less", method="exact").pvalue)

    rank = signed_rank(blocks)

    assert lower_tail(rank - 1) <= 0.025 < lower_tail(rank)


def test_six_blocks_are_the_fewest_whose_ranks_reach_95_percent() -> None:
    assert signed_rank(5) == 0
    assert signed_rank(6) == 1


def test_the_interval_of_six_blocks_reaches_from_the_lowest_to_the_highest() -> None:
    values = np.array([0.1, 0.2, 0.4, 0.5, 0.8, 0.9])

    found = location(values)

    assert (found.ci_low, found.ci_high) == (0.1, 0.9)


def test_two_blocks_give_the_interval_of_student() -> None:
    found = location(np.array([1.0, 3.0]))

    assert found.ci_high - found.value == pytest.approx(12.706, abs=1e-3)


def test_the_table_of_students_quantiles_is_scipys() -> None:
    assert list(STUDENT) == pytest.approx([stats.t.ppf((1 + CONFIDENCE) / 2, df) for df in (1, 2, 3, 4)])


def test_one_wild_block_of_ten_does_not_carry_the_estimate_away() -> None:
    values = np.array([0.50, 0.51, 0.49, 0.50, 0.52, 0.48, 0.50, 0.51, 0.49, 25.0])

    found = location(values)

    assert found.value == pytest.approx(0.5, abs=0.02)


@given(pairs)
def test_the_estimate_lies_in_its_interval(rows: list[tuple[float, float]]) -> None:
    reference, candidate = (np.array(column) for column in zip(*rows, strict=True))

    found = reduction(reference, candidate)

    assert found is not None
    assert found.ci_low - 1e-9 <= found.value <= found.ci_high + 1e-9 <= 1 + 2e-9


@given(pairs, st.floats(1e-3, 1e3))
def test_a_faster_machine_changes_no_reduction(rows: list[tuple[float, float]], factor: float) -> None:
    reference, candidate = (np.array(column) for column in zip(*rows, strict=True))

    here, there = reduction(reference, candidate), reduction(factor * reference, factor * candidate)

    assert here is not None
    assert there is not None
    assert there.value == pytest.approx(here.value, rel=1e-6, abs=1e-6)
    assert there.ci_low == pytest.approx(here.ci_low, rel=1e-6, abs=1e-6)


@given(pairs)
def test_the_order_of_the_blocks_does_not_matter(rows: list[tuple[float, float]]) -> None:
    reference, candidate = (np.array(column) for column in zip(*rows, strict=True))

    forward, backward = reduction(reference, candidate), reduction(reference[::-1], candidate[::-1])

    assert forward is not None
    assert backward is not None
    assert backward.value == pytest.approx(forward.value, abs=1e-6, rel=1e-6)


def test_an_exact_count_has_an_interval_without_width() -> None:
    found = reduction(np.array([50.0]), np.array([10.0]))

    assert found is not None
    assert (found.ci_low, found.value, found.ci_high) == (0.8, 0.8, 0.8)


def test_a_candidate_that_needs_nothing_is_reduced_by_all() -> None:
    found = reduction(np.array([4.0, 4.0]), np.array([0.0, 0.0]))

    assert found is not None
    assert found.value == 1


def test_a_candidate_that_needs_nothing_at_times_still_has_an_interval() -> None:
    found = reduction(np.full(8, 10.0), np.array([0, 0, 1, 2, 0, 1, 3, 1.0]))

    assert found is not None
    assert 0.7 < found.ci_low < found.value < found.ci_high <= 1


@pytest.mark.parametrize("reference", [[0.0, 0.0], [0.0, 5.0], []])
def test_a_reference_of_nothing_cannot_be_reduced(reference: list[float]) -> None:
    assert reduction(np.array(reference), np.ones(len(reference))) is None


def test_an_interval_without_end_is_cut_so_that_the_record_stays_finite() -> None:
    found = reduction(np.array([1.0, 1e6]), np.array([1e6, 1.0]))

    assert found is not None
    assert np.isfinite(found.ci_low)


def test_no_interval_reaches_beyond_what_is_possible() -> None:
    found = reduction(np.full(6, 100.0), np.array([0.0, 30.0, 5.0, 0.0, 2.0, 1.0]))

    assert found is not None
    assert found.ci_high <= 1.0
    two = reduction(np.array([100.0, 90.0]), np.array([0.0, 30.0]))
    assert two is not None
    assert two.ci_high == 1.0


@pytest.mark.parametrize(("blocks", "true"), [(2, 0.5), (5, 0.9375), (6, 0.96875), (8, 0.9609)])
def test_the_level_of_an_interval_is_that_which_its_ranks_have(blocks: int, true: float) -> None:
    assert level(blocks) == pytest.approx(true, abs=1e-4)


def test_few_blocks_show_the_lowest_and_the_highest() -> None:
    found = observed_reduction(np.array([10.0, 10.0]), np.array([2.0, 6.0]))

    assert found is not None
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((0.6, 0.4, 0.8))
