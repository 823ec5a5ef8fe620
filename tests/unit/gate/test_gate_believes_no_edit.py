"""What is stored and what is asked for is believed only where it can be true."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate_factory import a_baseline, a_calibration, a_later_run, a_run, checked, multiplied, rules, without

from claimbench.errors import NothingToCompareError, UsageError
from claimbench.loadgen.commands.recheck import rechecked
from claimbench.loadgen.commands.report import report
from claimbench.loadgen.gate.checking import refuse_foreign
from claimbench.reports.judge.gate import Tiers
from claimbench.reports.record.store import BASELINE, RUN, read, to_json
from claimbench.reports.record.values import Sample

Edit = Callable[[dict[str, Any]], object]


def edited(folder: Path, edit: Edit) -> Path:
    """A folder with a run whose file was edited."""
    table = json.loads(to_json(a_later_run()))
    edit(table)
    (folder / "results.json").write_text(json.dumps(table))
    return folder


def every_metric(key: str, value: object) -> Edit:
    def edit(table: dict[str, Any]) -> None:
        for metric in table["metrics"]:
            if metric["reduction"]:
                metric["reduction"][key] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        lambda table: table["verdict"].update(value="holds", exit_code=0),
        lambda table: table["verdict"].update(exit_code=0),
        lambda table: table["verdict"].update(reason="all 12 claims hold"),
        every_metric("value", 0.99),
        every_metric("ci_low", 0.1),
        lambda table: table["metrics"][0].update(blocks=40),
        lambda table: table["metrics"][0]["spread"]["naive"].update(low=0.5),
        lambda table: table["claims"][0].update(reason="as claimed"),
        lambda table: table["claims"][0].update(measured_text="99.0 %"),
        lambda table: table["claims"][0].update(verdict="holds"),
        lambda table: table["claims"][0].update(claimed="reduction 1..2 %"),
        lambda table: table["claims"][0].update(quote="something else"),
        lambda table: table["claims"][0]["by_companies"].clear(),
        lambda table: table["claims"].pop(),
        lambda table: table["claims"].clear(),
        lambda table: table["claims"].reverse(),
        lambda table: table["method"].update(confidence=0.5),
        lambda table: table["limitations"].pop(),
        lambda table: table["scenario"].update(judged_rtt_ms=0.0),
        lambda table: table["scenario"].update(title="Better"),
        lambda table: table.update(time_invalid="it was loud"),
    ],
)
def test_every_edit_of_what_is_derived_is_found_and_no_report_is_drawn(tmp_path: Path, edit: Edit) -> None:
    folder = edited(tmp_path, edit)
    with pytest.raises(UsageError, match="differ from their samples"):
        rechecked(read(RUN, folder), folder, None)
    with pytest.raises(UsageError, match="differ from their samples"):
        report(folder)

    assert not (folder / "report.html").exists()


def test_what_nobody_edited_is_drawn(tmp_path: Path) -> None:
    report(edited(tmp_path, lambda table: table))

    assert (tmp_path / "report.html").exists()


def test_a_run_of_another_text_of_its_scenario_cannot_be_rechecked(tmp_path: Path) -> None:
    folder = edited(tmp_path, lambda table: table["scenario"].update(sha256="0" * 64))

    with pytest.raises(NothingToCompareError, match="--scenario"):
        rechecked(read(RUN, folder), folder, None)


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        (lambda table: table["samples"][5].update(value=5e-324), "samples[5].value"),
        (lambda table: table["samples"][5].update(value=1e308), "samples[5].value"),
        (lambda table: table["samples"][5].update(value=-1.0), "samples[5].value"),
        (lambda table: table["samples"][5].update(value="12"), "samples[5].value"),
        (lambda table: table["samples"][5].update(value=True), "samples[5].value"),
        (lambda table: table["samples"][5].update(size=-4), "samples[5].size"),
        (lambda table: table["samples"][5].update(size="4"), "samples[5].size"),
        (lambda table: table["samples"][5].update(block=-1), "samples[5].block"),
        (lambda table: table["samples"][5].update(block=1.5), "samples[5].block"),
        (lambda table: table["samples"][5].update(rtt_ms=-1), "samples[5].rtt_ms"),
        (lambda table: table["samples"][5].update(arm="nobody"), "samples[5]"),
        (lambda table: table["scenario"].update(companies=-8), "scenario.companies"),
        (lambda table: table["scenario"].update(company_sizes=[0]), "scenario.company_sizes"),
        (lambda table: table["scenario"].update(runs=0), "scenario.runs"),
        (lambda table: table.update(arms=[]), "no one"),
        (lambda table: table["arms"].pop(), "arms"),
        (lambda table: table["arms"][1].update(role="reference"), "arms"),
        (lambda table: table["arms"][1].update(name="naive"), "arms"),
        (lambda table: table["claims"][0].update(claimed="nonsense"), "claims[0].claimed"),
        (lambda table: table["claims"][0].update(claimed="reduction 80..60 %"), "claims[0].claimed"),
        (lambda table: table.update(started_at="yesterday"), "started_at"),
        (lambda table: table.update(started_at="2026-01-01T00:00:00"), "started_at"),
        (lambda table: table["environment"].update(load_average_1min="0.1"), "environment"),
        (lambda table: table["environment"].update(rtt_1_ms_achieved=True), "environment"),
        (lambda table: table["equivalence"].update(differences=["x"]), "equivalence"),
    ],
)
def test_a_run_that_cannot_be_is_refused_by_its_key(tmp_path: Path, edit: Edit, key: str) -> None:
    folder = edited(tmp_path, edit)
    with pytest.raises(UsageError) as refused:
        read(RUN, folder)

    assert key.replace("no one", "arms") in str(refused.value)


def test_a_command_with_an_unclosed_quote_is_only_text(tmp_path: Path) -> None:
    folder = edited(tmp_path, lambda table: table.update(command='claimbench run "smoke'))

    assert rechecked(read(RUN, folder), folder, None).differences == ()


def a_saved(folder: Path, edit: Edit) -> Path:
    table = json.loads(BASELINE.text(a_baseline()))
    edit(table)
    (folder / "base.json").write_text(json.dumps(table))
    return folder / "base.json"


@pytest.mark.parametrize(
    "edit",
    [
        lambda table: table["counters"][0].update(high=1e6),
        lambda table: table["counters"][0].update(low=0),
        lambda table: table["counters"][0].update(repeats=1),
        lambda table: table["counters"].pop(),
        lambda table: table["counters"].append(table["counters"][0]),
        lambda table: table["counters"][0].update(low="12"),
        lambda table: table["counters"][0].update(high=True),
        lambda table: table["counters"][0].update(low=5e-324),
        lambda table: table.update(run="another"),
        lambda table: table.update(scenario_sha256="0" * 64),
        lambda table: table.update(dataset_hash="0" * 64),
        lambda table: table.update(saved_at="2027-01-01T00:00:00+00:00"),
    ],
)
def test_an_edited_baseline_is_refused(tmp_path: Path, edit: Edit) -> None:
    with pytest.raises(UsageError, match="counter"):
        read(BASELINE, a_saved(tmp_path, edit))


def test_the_reason_of_a_baseline_may_be_put_in_other_words(tmp_path: Path) -> None:
    path = a_saved(tmp_path, lambda table: table.update(reason="a typing mistake less"))

    assert read(BASELINE, path).reason == "a typing mistake less"


def unsealed(**changes: object) -> Any:
    return a_baseline().model_copy(update={"seal": "", **changes})


def test_a_baseline_without_a_seal_says_that_edits_cannot_be_told() -> None:
    notes = checked(a_later_run(), baseline=unsealed()).notes

    assert any("no seal" in note for note in notes)


def test_a_counter_that_is_exact_stays_at_zero_tolerance_though_its_baseline_was_loosened() -> None:
    loose = tuple(each.model_copy(update={"low": 0.0}) for each in a_baseline().counters)
    gate = checked(a_later_run(multiplied("statements", 1.04)), baseline=unsealed(counters=loose))

    assert gate.verdict.value == "fail"
    assert any("held to the highest" in note for note in gate.notes)


@pytest.mark.parametrize("kept", [1, 11])
def test_a_baseline_that_lacks_counters_of_the_run_does_not_pass(kept: int) -> None:
    thin = unsealed(counters=a_baseline().counters[:kept])
    gate = checked(a_later_run(), baseline=thin)

    assert gate.verdict.exit_code == 4
    assert any("are not among the baseline's" in each for each in gate.complaints)


def at_the_smaller_size_once(change: Callable[[Sample], Sample]) -> Callable[[Sample], Sample | None]:
    def changed(each: Sample) -> Sample | None:
        if each.size == 8:
            return each
        return change(each) if each.block == 0 else None

    return changed


def test_a_counter_that_got_worse_at_another_size_is_red_though_that_was_taken_once() -> None:
    gate = checked(a_later_run(at_the_smaller_size_once(multiplied("statements", 20))))

    assert (gate.verdict.value, gate.verdict.exit_code) == ("fail", 1)


def test_a_counter_that_varies_at_the_full_size_is_not_called_exact_at_another() -> None:
    def change(each: Sample) -> Sample | None:
        kept = at_the_smaller_size_once(multiplied("statements", 1.01))(each)
        varies = kept is not None and kept.metric == "statements" and kept.size == 8
        return kept.model_copy(update={"value": kept.value + kept.block}) if kept and varies else kept

    findings = checked(a_later_run(change)).findings
    worse = [each for each in findings if each.place and each.place.size == 4 and "1.01" in each.reason]

    assert all(each.value != "fail" for each in worse)


@pytest.mark.parametrize("name", ["nonsense", "api_calls", ""])
def test_what_is_believed_must_have_been_measured(name: str) -> None:
    with pytest.raises(UsageError, match="--believe"):
        checked(a_later_run(), believed=(name,))


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("optimized.statements{companies:999}", "<=40"),
        ("base.statements{companies:999}", "<=1.02"),
        ("base.wal_bytes", "<=1.02"),
        ("optimized.statements{rtt_ms:1}", "<=40"),
        ("ratio.time_s{rtt_ms:7}", "<0.5"),
    ],
)
def test_a_threshold_on_nothing_is_a_mistake(key: str, rule: str) -> None:
    with pytest.raises(UsageError):
        checked(a_later_run(), thresholds=rules(**{key: rule}), tiers=Tiers.COUNTERS)


def test_a_rule_on_the_baseline_for_a_counter_that_it_lacks_compares_nothing() -> None:
    without_bytes = without(metric="row_bytes")
    gate = checked(
        a_later_run(without_bytes),
        baseline=unsealed(counters=tuple(e for e in a_baseline().counters if e.metric != "row_bytes")),
        thresholds=rules(base__row_bytes="<=1.02"),
    )

    assert gate.verdict.exit_code == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"scenario_sha256": "0" * 64},
        {"environment": {"cores_usable": 64}},
        {"environment": {"cores_usable": 2, "cpu": "another one"}},
        {"started_at": "2019-01-01T00:00:00+00:00"},
        {"outcomes": ()},
    ],
)
def test_a_calibration_of_something_else_is_refused(changes: dict[str, object]) -> None:
    run = a_later_run()
    refuse_foreign(a_calibration(run), run, Path("cal.json"))

    with pytest.raises(NothingToCompareError, match=r"cal\.json"):
        refuse_foreign(a_calibration(run, **changes), run, Path("cal.json"))


def test_counters_are_gated_where_time_is_invalid() -> None:
    run = a_later_run(without(metric="time")).model_copy(update={"time_invalid": "the relay missed"})
    worse = a_later_run(multiplied("round_trips", 2)).model_copy(update={"time_invalid": "the relay missed"})

    assert checked(run).verdict.exit_code == 0
    assert checked(worse).verdict.exit_code == 1


def test_a_threshold_of_time_is_invalid_with_its_reason_where_time_is() -> None:
    run = a_later_run().model_copy(update={"time_invalid": "the relay missed"})
    gate = checked(run, thresholds=rules(ratio__time_s="<0.5"))

    assert (gate.verdict.value, gate.verdict.exit_code) == ("invalid", 3)
    assert "the relay missed" in gate.verdict.reason


def test_runs_are_sorted_by_time_whatever_their_zone() -> None:
    early, late = "2026-01-02T01:00:00+00:00", "2026-01-02T00:30:00-05:00"

    assert a_run(started_at=early).moment < a_run(started_at=late).moment
