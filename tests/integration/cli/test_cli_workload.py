"""The harness measures a workload that it does not know, and judges arms that share a mistake."""

import json
from pathlib import Path

import pytest
from command_line import claimbench

pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("files_in_memory")]
SCENARIO = Path(__file__).parents[2] / "doubles" / "orders.toml"


def test_a_second_workload_goes_through_run_report_check_and_baseline(tmp_path: Path) -> None:
    first, out, baseline = tmp_path / "first", tmp_path / "out", tmp_path / "baseline.json"
    run = ("run", str(SCENARIO), "--database", "embedded", "--out")
    before, ran = claimbench(*run, str(first), cwd=tmp_path), claimbench(*run, str(out), cwd=tmp_path)
    page = (out / "report.html").read_text()
    kept = claimbench("baseline", "save", str(first), "--file", str(baseline), cwd=tmp_path)
    counters = ("--baseline", str(baseline), "--tiers", "counters")
    checked = claimbench("check", str(out), *counters, "--scenario", str(SCENARIO), cwd=tmp_path)
    drawn = claimbench("report", str(out), cwd=tmp_path)

    assert [each.code for each in (before, ran, kept, checked, drawn)] == [0] * 5, (
        ran.err + kept.err + checked.err
    )
    assert (out / "report.html").read_text() == page
    assert "by number of orders" in page
    assert not [word for word in ("compan", "scheduler", "lookups") if word in page.lower()]
    results = json.loads((out / "results.json").read_text())
    statements = {
        (sample["arm"], sample["size"]): sample["value"]
        for sample in results["samples"]
        if (sample["metric"], sample["stage"]) == ("statements", "run")
    }
    sizes = (10, 20, 40)
    assert statements == {
        **{("one_by_one", size): size + 1 for size in sizes},
        **{("at_once", size): 1 for size in sizes},
    }
    assert results["words"] == {"size": "orders", "step": "function", "run": "call", "counted_by": ""}


def test_a_wrong_function_of_a_second_workload_ends_with_exit_code_5(tmp_path: Path) -> None:
    wrong = ("--arms", "one_by_one,ten_at_most", "--database", "embedded")
    ran = claimbench("run", str(SCENARIO), *wrong, "--out", str(tmp_path / "out"), cwd=tmp_path)

    assert ran.code == 5
    assert "order 11: one_by_one has it, ten_at_most does not" in ran.out


def test_two_arms_with_the_same_mistake_end_with_exit_code_5_and_the_invariant_named(tmp_path: Path) -> None:
    same = "wrong_arms:SkipsErrorFile"
    out = tmp_path / "out"
    arms = ("--arms", f"{same},{same}", "--database", "embedded")
    ran = claimbench("run", "smoke", *arms, "--out", str(out), cwd=tmp_path)

    assert ran.code == 5
    record = json.loads((out / "results.json").read_text())
    first, *others = record["equivalence"]["differences"]
    assert first.startswith("SkipsErrorFile violated: ")
    assert "request " in first
    assert any("nothing is stuck after the faults stop (nothing_stuck)" in each for each in (first, *others))
    assert record["samples"] == []
