"""The verbs that need no database, as a user calls them."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
import typer
from gate_factory import a_calibration, a_floor, a_later_run, a_run, an_outcome, multiplied
from typer.testing import CliRunner

from claimbench.errors import ClaimbenchError, NothingToCompareError, UsageError
from claimbench.loadgen.commands.baseline import baseline_app
from claimbench.loadgen.commands.check import check
from claimbench.loadgen.commands.recheck import recheck, scenario_of
from claimbench.loadgen.commands.trend import trend
from claimbench.loadgen.gate.checking import refuse_below_floor
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import to_json
from claimbench.scenarios.loader import load
from claimbench.scenarios.thresholds import parse_thresholds

app = typer.Typer()
app.command()(check)
app.command()(recheck)
app.command()(trend)
app.add_typer(baseline_app)


class Called:
    """How a command ended: its exit code, and its words or its one line of error."""

    def __init__(self, *words: object) -> None:
        result = CliRunner().invoke(app, [str(word) for word in words])
        error = result.exception
        if isinstance(error, ClaimbenchError):
            self.code, self.text = int(error.exit_code), str(error)
        else:
            self.code, self.text = result.exit_code, result.output


def written(folder: Path, record: ResultRecord) -> Path:
    folder.mkdir()
    (folder / "results.json").write_text(to_json(record))
    return folder


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    file = tmp_path / "baseline.json"
    assert Called("baseline", "save", written(tmp_path / "first", a_run()), "--file", file).code == 0
    return file


def test_an_unchanged_run_ends_with_exit_code_0_and_writes_the_gates_folder(
    tmp_path: Path, baseline: Path
) -> None:
    run = written(tmp_path / "run", a_later_run())
    called = Called("check", run, "--baseline", baseline)

    assert called.code == 0, called.text
    assert json.loads((run / "gate" / "gate.json").read_text())["verdict"]["value"] == "pass"


def test_a_regression_ends_with_exit_code_1(tmp_path: Path, baseline: Path) -> None:
    run = written(tmp_path / "run", a_later_run(multiplied("round_trips", 1.025)))

    assert Called("check", run, "--baseline", baseline).code == 1


def test_a_missing_baseline_ends_with_exit_code_4(tmp_path: Path) -> None:
    called = Called("check", written(tmp_path / "run", a_later_run()), "--baseline", tmp_path / "none.json")

    assert called.code == 4
    assert "baseline save" in called.text


def test_a_run_against_its_own_baseline_ends_with_exit_code_4(tmp_path: Path, baseline: Path) -> None:
    assert Called("check", tmp_path / "first", "--baseline", baseline).code == 4


def test_check_never_writes_the_baseline(tmp_path: Path, baseline: Path) -> None:
    before = baseline.read_bytes()
    Called(
        "check",
        written(tmp_path / "run", a_later_run(multiplied("round_trips", 0.9))),
        "--baseline",
        baseline,
    )

    assert baseline.read_bytes() == before


def test_saving_over_a_baseline_is_refused_and_names_promote(tmp_path: Path, baseline: Path) -> None:
    called = Called("baseline", "save", tmp_path / "first", "--file", baseline)

    assert called.code == 2
    assert "promote" in called.text


def test_a_promotion_needs_a_reason_and_keeps_it(tmp_path: Path, baseline: Path) -> None:
    run = written(tmp_path / "run", a_later_run(multiplied("round_trips", 2)))

    assert Called("baseline", "promote", run, "--file", baseline).code == 2
    assert Called("baseline", "promote", run, "--reason", " ", "--file", baseline).code == 2
    assert Called("baseline", "promote", run, "--reason", "more work", "--file", baseline).code == 0
    assert json.loads(baseline.read_text())["reason"] == "more work"


def test_a_revision_that_does_not_exist_ends_with_exit_code_2(tmp_path: Path, baseline: Path) -> None:
    run = written(tmp_path / "run", a_later_run())
    called = Called("check", run, "--baseline", baseline, "--base-rev", "no-such-branch")

    assert called.code == 2
    assert "no such revision" in called.text
    assert "\n" not in called.text


def test_a_run_of_a_scenario_that_was_edited_since_ends_with_exit_code_4(
    tmp_path: Path, baseline: Path
) -> None:
    old = a_later_run()
    edited = old.model_copy(update={"scenario": old.scenario.model_copy(update={"sha256": "0" * 64})})

    assert Called("check", written(tmp_path / "run", edited), "--baseline", baseline).code == 4


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", 2), ('{"schema": "claimbench.result/0"}', 4), ('{"benchmarks": []}', 4), ("", 2), ("NaN", 4)],
)
def test_results_that_are_cut_off_or_foreign_end_in_one_line(
    tmp_path: Path, baseline: Path, text: str, code: int
) -> None:
    (tmp_path / "results.json").write_text(text)
    called = Called("check", tmp_path / "results.json", "--baseline", baseline)

    assert called.code == code
    assert "\n" not in called.text


@pytest.mark.parametrize("value", ["NaN", "null", '"fast"', "-1.0"])
def test_an_impossible_sample_ends_with_exit_code_2(tmp_path: Path, baseline: Path, value: str) -> None:
    run = written(tmp_path / "run", a_later_run())
    file = run / "results.json"
    file.write_text(
        file.read_text()
        .replace('"value":40.0', f'"value":{value}', 1)
        .replace('"value": 40.0', f'"value": {value}', 1)
    )
    called = Called("check", run, "--baseline", baseline)

    assert called.code == 2
    assert "samples" in called.text


def test_a_recheck_of_an_edited_file_ends_with_exit_code_2(tmp_path: Path, baseline: Path) -> None:
    run = written(tmp_path / "run", a_later_run(multiplied("round_trips", 2)))
    Called("check", run, "--baseline", baseline)
    assert Called("recheck", run).code == 0

    gate = run / "gate" / "gate.json"
    gate.write_text(gate.read_text().replace('"fail"', '"pass"'))
    assert Called("recheck", run).code == 2


def test_a_step_summary_is_appended_where_the_runner_asks_for_it(
    tmp_path: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    run = written(tmp_path / "run", a_later_run(multiplied("round_trips", 2)))
    called = Called("check", run, "--baseline", baseline)

    assert "The gate fails" in summary.read_text()
    assert "::error title=" in called.text


def test_a_threshold_below_the_noise_floor_is_refused_as_not_gateable(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    outcome = an_outcome(floors=(a_floor(noise_percent=6.5),))
    calibration = a_calibration(a_later_run(), outcomes=(outcome,))
    file.write_text(calibration.model_dump_json(by_alias=True))

    with pytest.raises(UsageError, match=r"not gateable here: noise alone reaches 6\.5 %"):
        refuse_below_floor(parse_thresholds(["base.time_s: <1.05"]), file)
    refuse_below_floor(parse_thresholds(["base.time_s: <1.10"]), file)


def test_the_scenario_of_a_run_is_what_its_record_says_whatever_its_command_was(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text((files("claimbench.scenarios") / "files" / "smoke.toml").read_text())
    scenario = load(own)
    run = a_later_run()
    told = run.scenario.model_copy(update={"source": scenario.source, "sha256": scenario.sha256})
    record = run.model_copy(update={"scenario": told, "command": "make bench"})

    assert scenario_of(record, None) == scenario


def test_a_run_of_an_edited_scenario_names_the_file_that_was_edited(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text((files("claimbench.scenarios") / "files" / "smoke.toml").read_text())
    told = a_run().scenario.model_copy(update={"source": str(own), "sha256": "0" * 64})

    with pytest.raises(NothingToCompareError, match=re.escape(f"{own}: the scenario was edited")):
        scenario_of(a_run().model_copy(update={"scenario": told}), None)
