"""Each way in which a gate of the field was seen to pass without having compared anything."""

import json
from pathlib import Path

import pytest
from gate_factory import a_baseline, a_duel, a_later_run, a_run, checked, multiplied, rules, without

from claimbench.errors import ExitCode, NotEquivalentError, NothingToCompareError, UsageError
from claimbench.reports.judge.counters import baseline_of
from claimbench.reports.judge.gate import Tiers
from claimbench.reports.record.gate import Baseline
from claimbench.reports.record.store import BASELINE, read, write
from claimbench.reports.record.values import Equivalence

NOTHING = (int(ExitCode.NOTHING_TO_COMPARE), "invalid")


def outcome(gate: object) -> tuple[int, str]:
    verdict = gate.verdict
    return verdict.exit_code, verdict.value


def test_an_unchanged_run_passes_so_that_a_red_means_something() -> None:
    assert outcome(checked(a_later_run())) == (0, "pass")


def test_a_baseline_whose_names_are_all_others_compares_nothing_and_ends_with_exit_code_4() -> None:
    old = a_baseline()
    renamed = tuple(each.model_copy(update={"metric": f"old_{each.metric}"}) for each in old.counters)

    assert outcome(checked(a_later_run(), baseline=old.model_copy(update={"counters": renamed}))) == NOTHING


def test_a_metric_that_was_renamed_and_got_worse_ends_with_exit_code_4() -> None:
    def renamed(each):
        return each.model_copy(update={"metric": "commits"}) if each.metric == "statements" else each

    assert outcome(checked(a_later_run(renamed))) == NOTHING


def test_a_regression_ends_with_exit_code_1_which_is_nobody_elses() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 1.025)))

    assert outcome(gate) == (1, "fail")
    assert gate.verdict.exit_code not in (ExitCode.USAGE, ExitCode.NOTHING_TO_COMPARE, ExitCode.INCONCLUSIVE)


def test_the_verdict_stands_in_the_file_so_that_a_tool_that_changes_exit_codes_cannot_hide_it() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 2)))

    assert json.loads(gate.model_dump_json(by_alias=True))["verdict"]["value"] == "fail"


def test_a_counter_that_collapsed_is_not_believed() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 0.025)))

    assert outcome(gate) == (3, "invalid")
    assert "beyond belief" in gate.verdict.reason


def test_a_time_that_collapsed_is_not_believed() -> None:
    gate = checked(a_later_run(), thresholds=rules(base__time_s="<1.05"), duel=a_duel(effect=0.03))

    assert outcome(gate) == (3, "invalid")
    assert "beyond belief" in gate.verdict.reason


def test_an_improvement_that_is_meant_is_believed_when_it_is_said() -> None:
    gate = checked(a_later_run(multiplied("round_trips", 0.1)), believed=("round_trips",))

    assert outcome(gate) == (0, "pass")
    assert any("not promoted" in note for note in gate.notes)


def test_an_arm_that_is_absent_on_both_sides_ends_with_exit_code_4() -> None:
    whole = a_baseline()
    half = tuple(each for each in whole.counters if each.arm == "naive")
    gate = checked(
        a_later_run(without(arm="optimized")), baseline=whole.model_copy(update={"counters": half})
    )

    assert outcome(gate) == NOTHING
    assert "'optimized' was not counted" in gate.verdict.reason


def test_an_arm_that_the_baseline_has_and_the_run_lacks_ends_with_exit_code_4() -> None:
    assert outcome(checked(a_later_run(without(arm="naive")))) == NOTHING


def test_a_metric_that_the_baseline_has_and_the_run_lacks_ends_with_exit_code_4() -> None:
    gate = checked(a_later_run(without(metric="row_bytes", arm="optimized")))

    assert outcome(gate) == NOTHING
    assert "optimized.row_bytes" in gate.verdict.reason


def test_a_size_that_the_baseline_has_and_the_run_lacks_ends_with_exit_code_4() -> None:
    assert outcome(checked(a_later_run(without(size=4)))) == NOTHING


def test_times_that_are_missing_end_with_exit_code_4() -> None:
    assert outcome(checked(a_later_run(without(metric="time", arm="optimized", rtt_ms=1.0)))) == NOTHING


def test_a_placeholder_baseline_is_nothing_to_compare_with(tmp_path: Path) -> None:
    zeros = tuple(each.model_copy(update={"low": 0, "high": 0}) for each in a_baseline().counters)
    file = tmp_path / "baseline.json"
    write(BASELINE, a_baseline().model_copy(update={"counters": zeros}), file)

    with pytest.raises(NothingToCompareError, match="zeros only"):
        read(BASELINE, file)


def test_an_empty_baseline_is_nothing_to_compare_with(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps(a_baseline().model_dump(mode="json", by_alias=True) | {"counters": []}))

    with pytest.raises(NothingToCompareError, match="holds no counter"):
        read(BASELINE, file)


def test_a_run_cannot_be_its_own_baseline() -> None:
    run = a_run()
    gate = checked(run, baseline=baseline_of(run, "first"))

    assert outcome(gate) == NOTHING
    assert "very run under judgement" in gate.verdict.reason


def test_a_baseline_that_was_frozen_after_a_regression_can_be_promoted_and_is_green_again() -> None:
    worse = multiplied("round_trips", 1.5)
    accepted = baseline_of(a_run(tuple(map(worse, a_run().samples))), "accepted: one look-up more")

    assert outcome(checked(a_later_run(worse))) == (1, "fail")
    assert outcome(checked(a_later_run(worse), baseline=accepted)) == (0, "pass")


def test_neither_baseline_nor_thresholds_is_nothing_compared() -> None:
    gate = checked(a_later_run(), baseline=None)

    assert outcome(gate) == NOTHING
    assert "nothing was compared" in gate.verdict.reason


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"scenario": "document"}, "scenario 'document'"),
        ({"scenario_sha256": "0" * 64}, "was edited"),
        ({"dataset_hash": "0" * 64}, "dataset is another one"),
    ],
)
def test_a_baseline_of_something_else_ends_with_exit_code_4(change: dict[str, str], complaint: str) -> None:
    gate = checked(a_later_run(), baseline=a_baseline().model_copy(update=change))

    assert outcome(gate) == NOTHING
    assert complaint in gate.verdict.reason


def test_units_that_differ_end_with_exit_code_4() -> None:
    def in_kibibytes(each):
        return each.model_copy(update={"unit": "KiB"}) if each.metric == "row_bytes" else each

    gate = checked(a_later_run(in_kibibytes))

    assert outcome(gate) == NOTHING
    assert "in KiB, in the baseline in B" in gate.verdict.reason


def test_a_threshold_on_an_arm_that_did_not_run_ends_with_exit_code_4() -> None:
    assert outcome(checked(a_later_run(), thresholds=rules(integrated__round_trips="<=40"))) == NOTHING


def test_a_threshold_on_a_metric_that_was_not_measured_ends_with_exit_code_4() -> None:
    assert outcome(checked(a_later_run(), thresholds=rules(optimized__api_calls="<=40"))) == NOTHING


def test_a_threshold_on_the_base_revision_without_one_ends_with_exit_code_4() -> None:
    gate = checked(a_later_run(), thresholds=rules(base__time_s="<1.05"))

    assert outcome(gate) == NOTHING
    assert "--base-rev" in gate.verdict.reason


def test_a_threshold_on_the_base_revision_is_left_out_when_only_counters_are_asked_for() -> None:
    gate = checked(a_later_run(), thresholds=rules(base__time_s="<1.05"), tiers=Tiers.COUNTERS)

    assert outcome(gate) == (0, "pass")
    assert gate.is_counters_only


def test_arms_that_do_not_do_the_same_work_end_with_exit_code_5() -> None:
    unequal = Equivalence(equal=False, differences=("rows",), rows_compared=1, api_requests_compared=1)

    with pytest.raises(NotEquivalentError) as caught:
        checked(a_later_run().model_copy(update={"equivalence": unequal}))

    assert caught.value.exit_code == 5


def test_a_missing_baseline_file_ends_with_exit_code_4_and_says_how_to_save_one(tmp_path: Path) -> None:
    with pytest.raises(NothingToCompareError, match="baseline save"):
        read(BASELINE, tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"schema": "claimbench.baseline/1", "coun', UsageError),
        ('{"schema": "claimbench.baseline/0"}', NothingToCompareError),
        ('{"benchmarks": []}', NothingToCompareError),
        ("[1, 2]", NothingToCompareError),
        ("", UsageError),
        ('{"schema": "claimbench.baseline/1", "scenario": "smoke"}', UsageError),
    ],
)
def test_a_baseline_that_is_broken_or_foreign_is_one_line(tmp_path: Path, text: str, error: type) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)

    with pytest.raises(error) as caught:
        read(BASELINE, file)

    assert "\n" not in str(caught.value)
    assert "baseline.json" in str(caught.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-3", "null", '"many"'])
def test_an_impossible_value_in_a_baseline_is_refused_by_name(tmp_path: Path, value: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(BASELINE.text(a_baseline()).replace('"low": 40.0', f'"low": {value}', 1))

    with pytest.raises(UsageError, match="counters"):
        read(BASELINE, file)


def test_a_negative_sample_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="is negative"):
        checked(a_later_run(multiplied("round_trips", -1)))


def test_a_baseline_reads_back_as_it_was_written_and_has_a_line_for_each_counter(tmp_path: Path) -> None:
    file, baseline = tmp_path / "baseline.json", a_baseline()
    write(BASELINE, baseline, file)

    assert read(BASELINE, file) == baseline
    assert sum("round_trips" in line for line in file.read_text().splitlines()) == 4


def test_a_baseline_has_no_field_for_times_so_that_none_is_compared_across_jobs() -> None:
    assert not any(entry.metric == "time" for entry in a_baseline().counters)
    assert "samples" not in Baseline.model_fields
