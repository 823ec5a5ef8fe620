"""What the turns of a scale report say."""

import pytest
from scale_factory import SIZES, naive, optimized, scale_record, the_turns, turned

from claimbench.reports.judge.scale import (
    claims_by_size,
    efficiencies,
    exponent,
    growth,
    predicted_s,
    verdict_of,
)
from claimbench.reports.record.scale import ScaleFailure
from claimbench.reports.record.values import VerdictValue


def test_the_exponent_of_a_power_is_that_power_with_an_interval_of_no_width() -> None:
    found = exponent([(10, 5.0), (100, 50 * 10**0.5), (1_000, 5_000.0)])

    assert found is not None
    assert found.value == pytest.approx(1.5)
    assert found.ci_high - found.ci_low == pytest.approx(0, abs=1e-6)


def test_the_interval_of_an_exponent_widens_with_the_scatter() -> None:
    near = exponent([(10, 10.0), (100, 101.0), (1_000, 1_000.0)])
    far = exponent([(10, 10.0), (100, 250.0), (1_000, 1_000.0)])

    assert near is not None
    assert far is not None
    assert near.ci_high - near.ci_low < far.ci_high - far.ci_low
    assert far.ci_low < 1 < far.ci_high


def test_one_size_has_no_exponent() -> None:
    assert exponent([(10, 1.0), (10, 2.0)]) is None


def test_an_arm_that_is_not_taken_at_a_size_is_continued_from_its_smaller_ones_and_that_is_said() -> None:
    points = {(point.arm, point.requests): point for point in scale_record().points}

    assert points["naive", 100_000].extrapolated
    assert points["naive", 100_000].seconds == pytest.approx(200)
    assert points["naive", 100_000].round_trips == 400_000
    assert not points["optimized", 100_000].extrapolated


def test_what_an_arm_will_take_is_predicted_from_its_turns_with_the_fake_outside() -> None:
    assert predicted_s(the_turns(), "naive", 100_000) == pytest.approx(200)
    assert predicted_s(the_turns(), "optimized", 1_000_000) == pytest.approx(1_000_000 / 9_000)
    assert predicted_s([], "naive", 100_000) == 0


def test_a_claim_holds_from_the_size_on_above_which_it_holds_everywhere() -> None:
    (memory,) = claims_by_size(scale_record())

    assert [round(at.reduction, 3) for at in memory.at] == [0.25, 0.925, 0.993]
    assert memory.holds_from == 10_000


def test_efficiency_is_the_limit_over_the_arm_by_wall_and_by_cpu() -> None:
    found = {(each.arm, each.step): each for each in efficiencies(scale_record())}

    assert found["optimized", "run"].by_wall == pytest.approx(0.8)
    assert found["optimized", "process_results"].by_wall == pytest.approx(0.8)
    assert found["optimized (one connection)", "run"].by_wall == pytest.approx(0.5)
    assert found["optimized", "run"].by_cpu == pytest.approx(0.8)


def test_growth_is_told_of_measured_points_only() -> None:
    found = {(each.arm, each.measure): each for each in growth(scale_record())}
    rows, trips = found["naive", "rows"].exponent, found["optimized", "round_trips"].exponent

    assert rows is not None
    assert trips is not None
    assert (found["naive", "rows"].points, rows.value) == (2, pytest.approx(1))
    assert trips.value == pytest.approx(0)


def test_other_rows_at_one_size_are_no_same_work() -> None:
    turns = [*naive(SIZES[0], left="otherwise"), *optimized(SIZES[0])]
    verdict = verdict_of(turns, ())

    assert (verdict.value, verdict.exit_code) == (VerdictValue.NOT_EQUIVALENT, 5)
    assert verdict.reason == "optimized left other rows than naive at 10 companies, 1,000 requests"


def test_what_failed_leaves_the_others_and_is_told() -> None:
    verdict = verdict_of([turned("naive", SIZES[0], 1.0)], (ScaleFailure(what="x", reason="y"),))

    assert verdict.value is VerdictValue.INCONCLUSIVE
    assert verdict_of((), ()).value is VerdictValue.INVALID
