from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_factory import ARMS, WORDS, sample

from claimbench.reports.judge.claims import judge_claim, measurements_of
from claimbench.reports.judge.conclude import RunFacts, judge, standard_limitations
from claimbench.reports.judge.statistics import reduction
from claimbench.reports.record.run import ClaimResult, Metric, ResultRecord
from claimbench.reports.record.values import Interval, Sample, Spread
from claimbench.scenarios.grammar import Reduction
from claimbench.scenarios.model import Claim, Scenario


def a_claim(claimed: str, metric: str = "statements", stage: str = "run") -> Claim:
    given = {"id": "c", "source": "s", "quote": "q", "metric": metric, "stage": stage, "claimed": claimed}
    return Claim.model_validate(given)


def a_metric(low: float, high: float) -> Metric:
    spread = {arm.name: Spread(low=1, high=2) for arm in ARMS}
    return Metric(
        metric="statements",
        stage="run",
        unit="count",
        rtt_ms=0,
        size=50,
        blocks=8,
        values={"naive": 1, "optimized": 1},
        spread=spread,
        reduction=Interval(value=(low + high) / 2, ci_low=low, ci_high=high),
    )


def verdict_on(low: float, high: float, claimed: str = "reduction 60..80 %") -> ClaimResult:
    return judge_claim(a_claim(claimed), measurements_of((a_metric(low, high),), ARMS, 50, 1.0, WORDS))


def judged(scenario: Scenario, facts: RunFacts, samples: Iterable[Sample], claim: Claim) -> ClaimResult:
    asked = scenario.model_copy(update={"claims": (claim,)})
    return judge(asked, replace(facts, samples=tuple(samples))).claims[0]


def counts(reference: float, candidate: float, metric: str = "pending_lookups") -> list[Sample]:
    stage = "create_batches"
    return [
        sample("naive", stage, metric, reference),
        sample("optimized", stage, metric, candidate),
        sample("naive", "run", "active_companies", 50),
        sample("optimized", "run", "active_companies", 50),
    ]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.65, 0.75, "holds"),
        (0.60, 0.80, "holds"),
        (0.70, 0.90, "holds"),
        (0.81, 0.90, "exceeded"),
        (0.40, 0.59, "refuted"),
        (-0.50, -0.20, "refuted"),
        (0.50, 0.70, "inconclusive"),
        (0.50, 0.90, "inconclusive"),
    ],
)
def test_a_reduction_is_judged_on_its_interval(low: float, high: float, verdict: str) -> None:
    assert verdict_on(low, high).verdict == verdict


def test_an_interval_open_at_the_better_end_only_says_so() -> None:
    assert "better end" in verdict_on(0.7, 0.9).reason


@given(st.floats(-2, 1), st.floats(0, 1), st.floats(0, 100), st.floats(0, 100))
def test_a_reduction_has_one_verdict_only(low: float, width: float, one: float, other: float) -> None:
    claimed = Reduction(min(one, other), max(one, other))
    high = min(low + width, 1.0)

    found = verdict_on(low, high, str(claimed)).verdict

    assert (found == "refuted") == (high < claimed.low_percent / 100 - 1e-9)
    assert (found == "inconclusive") == (
        low < claimed.low_percent / 100 - 1e-9 <= high and low <= claimed.high_percent / 100 + 1e-9
    )


@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.2))
def test_more_saved_never_gives_a_worse_verdict(low: float, width: float, gain: float) -> None:
    ranks = ["refuted", "inconclusive", "holds", "exceeded"]

    before, after = verdict_on(low, low + width), verdict_on(low + gain, low + gain + width)

    assert ranks.index(after.verdict) >= ranks.index(before.verdict)


def share_of_verdicts(true_reduction: float, noise: float) -> dict[str, float]:
    """How often each verdict falls on `30..50 %` with eight blocks, in 800 experiments."""
    random, claim = np.random.default_rng(9), a_claim("reduction 30..50 %")
    verdicts = Counter[str]()
    for _ in range(800):
        reference = np.exp(random.normal(0, noise, 8))
        candidate = (1 - true_reduction) * np.exp(random.normal(0, noise, 8))
        metric = a_metric(0, 0).model_copy(update={"reduction": reduction(reference, candidate)})
        verdicts[judge_claim(claim, measurements_of((metric,), ARMS, 50, 1.0, WORDS)).verdict] += 1
    return {verdict: count / 800 for verdict, count in verdicts.items()}


def test_an_effect_at_the_edge_of_the_range_seldom_gets_a_wrong_verdict() -> None:
    shares = share_of_verdicts(0.2999, 0.05)

    assert shares.get("holds", 0) < 0.025 + 0.0165  # three standard errors
    assert shares.get("exceeded", 0) == 0


def test_an_effect_in_the_middle_of_the_range_is_found_with_eight_blocks() -> None:
    assert share_of_verdicts(0.40, 0.05)["holds"] > 0.97


def test_an_effect_well_below_the_range_is_refuted_with_eight_blocks() -> None:
    assert share_of_verdicts(0.20, 0.05)["refuted"] > 0.95


@pytest.mark.parametrize(
    ("reference", "candidate", "verdict"),
    [
        (50, 1, "holds"),
        (50, 0, "exceeded"),
        (51, 1, "exceeded"),
        (50, 2, "refuted"),
        (50, 1.25, "refuted"),
        (40, 1, "refuted"),
        (51, 2, "refuted"),
    ],
)
def test_a_count_is_judged_exactly(
    scenario: Scenario, facts: RunFacts, reference: float, candidate: float, verdict: str
) -> None:
    claim = a_claim("N -> 1", "pending_lookups", "create_batches")

    found = judged(scenario, facts, counts(reference, candidate), claim)

    assert found.verdict == verdict


def test_the_n_of_a_claim_is_the_number_of_active_companies(scenario: Scenario, facts: RunFacts) -> None:
    samples = [each for each in counts(50, 1) if each.metric != "active_companies"]
    claim = a_claim("N -> 1", "pending_lookups", "create_batches")

    without = judged(scenario, facts, samples, claim)
    samples += [sample(arm.name, "run", "active_companies", 49) for arm in ARMS]
    other = judged(scenario, facts, samples, claim)

    assert without.verdict == "inconclusive"
    assert "N" in without.reason
    assert other.verdict == "exceeded"


def test_a_count_that_varies_between_blocks_is_inconclusive(scenario: Scenario, facts: RunFacts) -> None:
    varied = [*counts(50, 1), *(each.model_copy(update={"block": 1}) for each in counts(50, 2))]

    found = judged(scenario, facts, varied, a_claim("N -> 1", "pending_lookups", "create_batches"))

    assert found.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [([0.96], "holds"), ([0.95], "holds"), ([0.9], "refuted"), ([0.94, 0.97], "inconclusive")],
)
def test_a_rate_is_judged_on_every_block(
    scenario: Scenario, facts: RunFacts, rates: list[float], verdict: str
) -> None:
    samples = [
        sample("optimized", "timetable", "cache_hit_rate", rate, unit="ratio", block=block)
        for block, rate in enumerate(rates)
    ]

    found = judged(scenario, facts, samples, a_claim(">= 95 %", "cache_hit_rate", "timetable"))

    assert found.verdict == verdict


@pytest.mark.parametrize(("used", "verdict"), [(1.0, "holds"), (0.0, "refuted")])
def test_an_index_is_used_or_the_claim_is_refuted(
    scenario: Scenario, facts: RunFacts, used: float, verdict: str
) -> None:
    index = "ix_request_batch_id"
    samples = [sample("optimized", index, "index_used", used, unit="flag")]

    found = judged(scenario, facts, samples, a_claim("used", "index_used", index))

    assert found.verdict == verdict


def test_a_plan_without_the_index_is_told(scenario: Scenario, facts: RunFacts) -> None:
    index = "ix_request_batch_id"
    plans = ["ix_other, then a sort", "a scan of all ai_processing_request", "ix_other, then a sort"]
    samples = [
        sample("optimized", index, "index_used", 0.0, unit="flag", block=block).model_copy(
            update={"note": plan}
        )
        for block, plan in enumerate(plans)
    ]

    found = judged(scenario, facts, samples, a_claim("used", "index_used", index))

    assert found.reason == (
        "the planner does not take ix_request_batch_id; it takes ix_other, then a sort or "
        "a scan of all ai_processing_request"
    )


@pytest.mark.parametrize("drop", ["naive", "optimized", ""])
def test_what_was_not_measured_is_inconclusive_and_says_so(
    scenario: Scenario, facts: RunFacts, drop: str
) -> None:
    samples = [each for each in counts(50, 1) if drop and each.arm != drop]

    found = judged(scenario, facts, samples, a_claim("N -> 1", "pending_lookups", "create_batches"))

    assert found.verdict == "inconclusive"
    assert "not measured" in found.reason


def test_one_block_of_time_gives_no_interval_and_no_verdict(scenario: Scenario, facts: RunFacts) -> None:
    samples = [each for each in facts.samples if each.metric == "time" and each.block == 0]

    found = judged(scenario, facts, samples, a_claim("reduction 30..50 %", "time"))

    assert found.verdict == "inconclusive"
    assert "one block" in found.reason


def test_time_is_judged_at_the_round_trip_that_the_scenario_names(
    scenario: Scenario, facts: RunFacts
) -> None:
    at_zero = scenario.model_copy(
        update={"network": scenario.network.model_copy(update={"judged_rtt_ms": 0.0})}
    )
    claim = a_claim("reduction 40..60 %", "time")

    here, there = (judged(each, facts, facts.samples, claim) for each in (scenario, at_zero))

    assert here.verdict == "holds"
    assert there.verdict == "refuted"


def test_the_record_says_for_which_numbers_of_companies_a_claim_holds(
    scenario: Scenario, facts: RunFacts
) -> None:
    worse = [
        each.model_copy(update={"value": 20.0})
        if (each.metric, each.size, each.arm) == ("pending_lookups", 200, "optimized")
        else each
        for each in facts.samples
    ]

    found = judged(scenario, facts, worse, a_claim("N -> 1", "pending_lookups", "create_batches"))

    assert found.verdict == "holds"
    assert [(each.size, each.verdict) for each in found.by_size] == [
        (10, "holds"),
        (50, "holds"),
        (200, "refuted"),
    ]


def overall(scenario: Scenario, facts: RunFacts, **changes: Any) -> ResultRecord:
    return judge(scenario, replace(facts, **changes))


def without(facts: RunFacts, metric: str) -> tuple[Sample, ...]:
    return tuple(each for each in facts.samples if each.metric != metric)


def test_a_run_whose_claims_all_hold_ends_with_exit_code_0(scenario: Scenario, facts: RunFacts) -> None:
    assert overall(scenario, facts).verdict.exit_code == 0


def test_a_refuted_claim_ends_with_exit_code_1(scenario: Scenario, facts: RunFacts) -> None:
    low = sample("optimized", "timetable", "cache_hit_rate", 0.5, unit="ratio")

    found = overall(scenario, facts, samples=(*without(facts, "cache_hit_rate"), low))

    assert found.verdict.exit_code == 1
    assert "cache-hit-rate" in found.verdict.reason


def test_how_many_paid_answers_a_crash_can_lose_is_a_limitation_of_a_run(scenario: Scenario) -> None:
    plain = scenario.model_copy(
        update={"arms": tuple(arm.model_copy(update={"pipeline": "naive"}) for arm in scenario.arms)}
    )
    told = "a crash can lose 100 that were paid for, or one"

    assert any(told in each for each in standard_limitations(scenario))
    assert not any(told in each for each in standard_limitations(plain))


def test_the_reason_of_a_rate_says_the_arithmetic_behind_it(scenario: Scenario, facts: RunFacts) -> None:
    low = sample("optimized", "timetable", "cache_hit_rate", 0.9, unit="ratio")
    noted = low.model_copy(update={"note": "in 60 min, 96 of 107"})
    found = overall(scenario, facts, samples=(*without(facts, "cache_hit_rate"), noted))
    (reason,) = (claim.reason for claim in found.claims if claim.id == "cache-hit-rate")

    assert reason.endswith("stays below the claimed 95.0 %; in 60 min, 96 of 107")


def test_an_inconclusive_claim_ends_with_exit_code_3(scenario: Scenario, facts: RunFacts) -> None:
    found = overall(scenario, facts, samples=without(facts, "peak_memory"))

    assert found.verdict.exit_code == 3


def test_a_refuted_claim_outweighs_an_inconclusive_one(scenario: Scenario, facts: RunFacts) -> None:
    low = sample("optimized", "timetable", "cache_hit_rate", 0.5, unit="ratio")
    samples = tuple(each for each in without(facts, "cache_hit_rate") if each.metric != "time")

    assert overall(scenario, facts, samples=(*samples, low)).verdict.exit_code == 1


def test_no_sample_at_all_is_inconclusive_not_a_success(scenario: Scenario, facts: RunFacts) -> None:
    assert overall(scenario, facts, samples=()).verdict.exit_code == 3


def test_an_invalid_measurement_judges_no_claim(scenario: Scenario, facts: RunFacts) -> None:
    found = overall(scenario, facts, invalid="the load was 9.1 on 2 cores")

    assert found.verdict.value == "invalid"
    assert found.verdict.exit_code == 3
    assert {claim.verdict for claim in found.claims} == {"inconclusive"}


def test_arms_that_differ_end_with_exit_code_5_and_publish_no_number(
    scenario: Scenario, unequal: RunFacts
) -> None:
    found = judge(scenario, unequal)

    assert found.verdict.exit_code == 5
    assert found.metrics == ()
    assert found.samples == ()
    assert {claim.verdict for claim in found.claims} == {"inconclusive"}


def test_a_scenario_without_claims_compares_and_judges_nothing(scenario: Scenario, facts: RunFacts) -> None:
    found = judge(scenario.model_copy(update={"claims": ()}), facts)

    assert found.verdict.exit_code == 0
    assert "no claim" in found.verdict.reason
    assert found.metrics


def test_an_invalid_time_leaves_every_other_claim_judged(scenario: Scenario, facts: RunFacts) -> None:
    found = judge(scenario, replace(facts, time_invalid="the relay missed"))
    verdicts = {each.metric: each.verdict for each in found.claims}

    assert (found.verdict.value, found.verdict.exit_code) == ("invalid", 3)
    assert "the relay missed" in found.verdict.reason
    assert verdicts["time"] == "invalid"
    assert verdicts["statements"] != "invalid"
    assert found.samples


def test_a_claim_on_time_is_not_judged_below_six_blocks(scenario: Scenario, facts: RunFacts) -> None:
    few = tuple(each for each in facts.samples if each.metric != "time" or each.block < 5)
    claim = a_claim("reduction 1..99 %", "time")
    found = judged(scenario, facts, few, claim)

    assert found.verdict == "inconclusive"
    assert "5 blocks" in found.reason
    assert judged(scenario, facts, facts.samples, claim).verdict != "inconclusive"
