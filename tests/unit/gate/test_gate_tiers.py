import pytest
from gate_factory import a_duel, a_later_run, checked, counters, multiplied, rules, times

from claimbench.reports.judge.counters import growth_exponent
from claimbench.reports.judge.validity import unfit
from claimbench.reports.record.gate import Fitness
from claimbench.reports.record.values import Sample


def verdicts(gate: object, subject: str) -> set[str]:
    return {each.value for each in gate.findings if each.subject.startswith(subject)}


def test_one_round_trip_more_is_a_fail() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 41 / 40)))

    assert gate.verdict.value == "fail"
    assert "40 -> 41" in gate.verdict.reason


def test_one_round_trip_less_passes_and_asks_for_a_promotion() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 39 / 40)))

    assert gate.verdict.value == "pass"
    assert any("not promoted" in note and "round_trips" in note for note in gate.notes)


def test_a_declared_formula_takes_the_place_of_zero_tolerance() -> None:
    more = a_later_run(multiplied("row_bytes", 1.01))

    assert checked(more).verdict.value == "fail"
    assert checked(more, thresholds=rules(base__row_bytes="<=1.02")).verdict.value == "pass"
    assert checked(more, thresholds=rules(base__row_bytes="<=1.001")).verdict.value == "fail"


def varying(spread: float):
    def change(each: Sample) -> Sample:
        if (each.metric, each.arm) != ("row_bytes", "optimized"):
            return each
        return each.model_copy(update={"value": each.value + each.block * spread})

    return change


def test_a_counter_that_varies_is_moved_to_the_statistical_tier_with_a_note() -> None:
    gate = checked(a_later_run(varying(3)))

    assert gate.verdict.value == "pass"
    assert any("moved to the statistical tier" in note for note in gate.notes)


def test_a_counter_that_varies_and_doubled_is_still_found() -> None:
    def change(each: Sample) -> Sample:
        return varying(3)(multiplied("row_bytes", 2)(each))

    assert checked(a_later_run(change)).verdict.value == "fail"


def taken_once(each: Sample) -> Sample | None:
    return each if each.metric == "time" or each.block == 0 else None


def test_a_counter_that_was_taken_once_and_got_worse_is_not_called_exact() -> None:
    worse = multiplied("round_trips", 2)
    gate = checked(a_later_run(lambda each: taken_once(worse(each))))

    assert (gate.verdict.value, gate.verdict.exit_code) == ("inconclusive", 3)
    assert "run with repeats = 3" in gate.verdict.reason


def test_a_counter_that_was_taken_once_and_is_as_in_the_baseline_passes() -> None:
    assert checked(a_later_run(taken_once)).verdict.value == "pass"


@pytest.mark.parametrize(
    ("rule", "value"),
    [("<=40", "pass"), ("<=39", "fail"), ("growth<=0.05", "pass"), ("growth>0.5", "fail")],
)
def test_a_counter_is_held_to_its_thresholds(rule: str, value: str) -> None:
    gate = checked(a_later_run(), thresholds=rules(optimized__round_trips=rule), baseline=None)

    assert gate.verdict.value == value


def test_a_query_for_each_company_grows_with_exponent_1() -> None:
    gate = checked(a_later_run(), thresholds=rules(naive__round_trips="growth<=0.05"), baseline=None)

    assert gate.verdict.value == "fail"
    assert "1 breaks growth<=0.05" in gate.verdict.reason


def test_growth_cannot_be_told_from_one_size() -> None:
    assert growth_exponent(()) is None


def test_a_ratio_that_is_clearly_below_its_limit_passes() -> None:
    gate = checked(a_later_run(), thresholds=rules(ratio__time_s="p(50)<0.5"))

    assert gate.verdict.value == "pass"


def test_a_ratio_that_is_clearly_above_its_limit_fails_after_the_other_half_confirmed_it() -> None:
    gate = checked(a_later_run(multiplied("time", 2)), thresholds=rules(ratio__time_s="p(50)<0.5"))

    assert gate.verdict.value == "fail"
    assert "a second set of 12 blocks says the same" in gate.verdict.reason


def test_too_few_blocks_are_invalid_and_say_how_many_to_take() -> None:
    run = a_later_run(lambda each: each if each.metric != "time" or each.block < 3 else None)
    gate = checked(run, thresholds=rules(ratio__time_s="p(50)<0.5"))

    assert (gate.verdict.value, gate.verdict.exit_code) == ("invalid", 3)
    assert "take 12 or more" in gate.verdict.reason


def test_a_red_that_no_further_block_can_confirm_is_inconclusive() -> None:
    run = a_later_run(lambda each: each if each.metric != "time" or each.block < 10 else None)
    gate = checked(run, thresholds=rules(ratio__time_s="p(50)<0.1"))

    assert (gate.verdict.value, gate.verdict.exit_code) == ("inconclusive", 3)
    assert "no further blocks to confirm" in gate.verdict.reason


@pytest.mark.parametrize(("effect", "value"), [(1.0, "pass"), (1.2, "fail"), (1.05, "inconclusive")])
def test_times_are_held_to_the_base_revision_measured_in_the_same_job(effect: float, value: str) -> None:
    gate = checked(a_later_run(), thresholds=rules(base__time_s="<1.05"), duel=a_duel(effect, seed=8))

    assert gate.verdict.value == value


def test_a_machine_that_was_not_fit_makes_times_invalid_and_counters_still_red() -> None:
    busy = a_duel(1.2).model_copy(update={"fitness": Fitness(load_per_core=5)})
    rule = rules(base__time_s="<1.05")

    assert checked(a_later_run(), thresholds=rule, duel=busy).verdict.value == "invalid"
    worse = a_later_run(multiplied("round_trips", 2))
    assert checked(worse, thresholds=rule, duel=busy).verdict.value == "fail"


@pytest.mark.parametrize(
    "fitness",
    [
        Fitness(load_per_core=2.5),
        Fitness(steal_share=0.3),
        Fitness(clock_step_s=-1.0),
        Fitness(frequency_drop=0.5),
        Fitness(rtt_asked_ms=1.0, rtt_achieved_ms=2.0),
    ],
)
def test_each_way_of_being_unfit_is_told_with_what_to_do(fitness: Fitness) -> None:
    (reason,) = unfit(fitness)

    assert ": " in reason


def test_a_quiet_machine_and_an_unknown_one_are_fit() -> None:
    assert not unfit(Fitness())
    assert not unfit(Fitness(load_per_core=0.9, steal_share=0.01, rtt_asked_ms=1, rtt_achieved_ms=1.3))


def test_all_constants_and_the_seed_stand_in_the_result() -> None:
    method = checked(a_later_run(), seed=11).method

    assert (method.seed, method.alpha, method.looks, method.shares) == (
        11,
        0.05,
        (12, 24, 48),
        (0.2, 0.3, 0.5),
    )


def test_the_factory_makes_what_these_tests_rely_on() -> None:
    assert len(list(counters())) == 36
    assert len(list(times())) == 96
