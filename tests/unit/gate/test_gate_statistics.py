"""The statistics of the gate, by simulation: the seeds are fixed, so that a red is a change of the code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from claimbench.errors import InvalidMeasurementError, UsageError
from claimbench.reports.judge.calibration import Gated, RatioLimit, Simulation, gated_of, smallest_found
from claimbench.reports.judge.statistics import Proportion, Values, holm, of_median, of_percentile
from claimbench.reports.judge.timing import Hypothesis, LookPlan, decide, interval_of

EXPERIMENTS = 1000
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def normal(random: np.random.Generator, blocks: int) -> Values:
    return random.normal(0, 0.05, blocks)


def heavy_tails(random: np.random.Generator, blocks: int) -> Values:
    return random.standard_t(2, blocks) * 0.03


def contended_stretches(random: np.random.Generator, blocks: int) -> Values:
    def side() -> Values:
        return random.normal(0, 0.02, blocks) + (random.random(blocks) < 0.1) * random.exponential(
            0.5, blocks
        )

    return side() - side()


def drift(random: np.random.Generator, blocks: int) -> Values:
    wander = np.cumsum(random.normal(0, 0.02, 2 * blocks)) + np.linspace(0, 0.4, 2 * blocks)
    order = random.choice([-1, 1], blocks)
    return order * (wander[1::2] - wander[0::2]) + random.normal(0, 0.02, blocks)


@pytest.mark.parametrize("blocks", [12, 36])
@pytest.mark.parametrize("noise", [normal, heavy_tails, contended_stretches, drift])
def test_the_intervals_cover_the_truth_in_93_to_97_of_100_experiments(noise, blocks: int) -> None:
    random = np.random.default_rng(20_250)
    truth = 1.1
    covered = 0
    for _ in range(EXPERIMENTS):
        interval = interval_of(truth * np.exp(noise(random, blocks)))
        covered += interval.ci_low <= truth <= interval.ci_high

    assert 0.93 <= covered / EXPERIMENTS <= 0.97


def simulation(noise: float = 0.035, limit: float = 1.05, runs: int = 400, metrics: int = 2) -> Simulation:
    random = np.random.default_rng(3)
    gated = tuple(
        Gated(
            f"metric_{number}",
            limit,
            np.exp(random.normal(0, noise, 60) + random.standard_t(3, 60) * noise / 3),
            np.exp(random.normal(0, noise, 60) + random.standard_t(3, 60) * noise / 3),
        )
        for number in range(metrics)
    )
    return Simulation(gated, LookPlan(), runs, seed=5)


def test_400_runs_of_the_whole_gate_on_the_same_code_alarm_at_most_1_time_in_100() -> None:
    rate = simulation().alarms(1.0).ours

    assert rate.trials == 400
    assert rate.events <= 4


def test_even_without_any_limit_the_confirmation_keeps_false_alarms_at_1_in_100() -> None:
    assert simulation(limit=1.0).alarms(1.0).ours.events <= 4


def test_ten_percent_more_time_is_found_in_95_of_100_runs() -> None:
    assert simulation().caught(1.10, "metric_0").share >= 0.95


def test_the_smallest_effect_that_is_found_lies_above_the_limit_and_is_found() -> None:
    found = smallest_found(simulation(runs=100, metrics=1), "metric_0")

    assert found is not None
    assert 5 < found <= 10


def test_a_green_at_the_very_limit_is_at_most_as_frequent_as_declared() -> None:
    random, greens = np.random.default_rng(9), 0
    for _ in range(EXPERIMENTS):
        values = 1.05 * np.exp(random.normal(0, 0.05, 96))
        (answer,) = decide([Hypothesis("time", 1.05)], _reader(values), LookPlan())
        greens += answer.value == "pass"

    assert greens / EXPERIMENTS <= LookPlan().beta


def _reader(values: Values):
    given = 0

    def take(count: int) -> tuple[Values]:
        nonlocal given
        start, given = given, given + count
        return (values[start:given],)

    return take


def test_a_red_that_the_second_set_does_not_confirm_is_inconclusive() -> None:
    values = np.append(np.full(12, 1.5), np.ones(84)) * np.exp(np.linspace(0, 0.01, 96))
    (answer,) = decide([Hypothesis("time", 1.05)], _reader(values), LookPlan())

    assert answer.value == "inconclusive"
    assert "does not confirm" in answer.reason


def test_a_gate_looks_no_more_often_than_declared() -> None:
    taken = []

    def take(count: int) -> tuple[Values]:
        taken.append(count)
        return (1.05 * np.exp(np.where(np.arange(count) % 2, 0.03, -0.03) * np.linspace(0.9, 1.1, count)),)

    decide([Hypothesis("time", 1.05)], take, LookPlan())

    assert taken == [12, 12, 24]


@given(st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-6), min_size=6, max_size=40, unique_by=abs))
def test_the_signed_rank_test_is_scipys_where_nothing_ties(excess: list[float]) -> None:
    values = np.array(excess)

    for side, mine in (("greater", of_median(values).worse), ("less", of_median(values).fine)):
        theirs = stats.wilcoxon(values, alternative=side, method="exact").pvalue
        assert mine == pytest.approx(theirs, abs=1e-9)


def test_the_signed_rank_test_stays_exact_with_ties() -> None:
    assert of_median(np.full(6, 0.1)).worse == pytest.approx(1 / 64)
    assert of_median(np.array([0.1, 0.1, -0.1, -0.1])).worse == pytest.approx(11 / 16)
    assert of_median(np.zeros(12)).worse == 1.0


@given(P_VALUES, st.floats(0.001, 0.2))
def test_holm_rejects_no_less_than_bonferroni_and_no_more_than_no_correction(p_values, alpha) -> None:
    fallen = holm(p_values, alpha)

    for p, fell in zip(p_values, fallen, strict=True):
        assert fell or p > alpha / len(p_values)
        assert not fell or p <= alpha


@given(P_VALUES, st.integers(0, 10))
def test_further_questions_in_the_family_make_holm_no_bolder(p_values, others: int) -> None:
    assert sum(holm(p_values, 0.05, others)) <= sum(holm(p_values, 0.05))


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_holds_the_share_and_stays_between_0_and_1(trials: int, data) -> None:
    rate = Proportion(data.draw(st.integers(0, trials)), trials)

    assert 0 <= rate.low <= rate.share + 1e-12
    assert rate.share <= rate.high + 1e-12 <= 1 + 1e-9


def test_wilsons_interval_of_no_alarm_in_400_runs_is_below_1_percent() -> None:
    assert Proportion(0, 400).high == pytest.approx(0.0095, abs=0.0001)


def test_a_95th_percentile_below_its_limit_needs_many_blocks_to_be_told() -> None:
    few, many = np.full(12, -0.1), np.full(60, -0.1)

    assert of_percentile(few, 95).fine > 0.05
    assert of_percentile(many, 95).fine < 0.05


def test_fewer_than_60_recorded_blocks_are_refused() -> None:
    with pytest.raises(InvalidMeasurementError, match="too few to resample"):
        gated_of((), (RatioLimit("time", 1.05),))


@pytest.mark.parametrize(
    ("blocks", "shares"), [((3,), (1.0,)), ((12, 12), (0.5, 0.5)), ((12,), (0.5,)), ((12, 24), (1.0,))]
)
def test_looks_that_are_no_plan_are_refused(blocks: tuple[int, ...], shares: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="are no plan"):
        LookPlan(blocks, shares)
