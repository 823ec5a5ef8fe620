"""The steps of action.yml, as the shell that they are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from gate_factory import a_baseline, a_duel, a_later_run, checked, multiplied, rules

from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.store import BASELINE, to_json, write

ACTION = yaml.safe_load((Path(__file__).parents[3] / "action.yml").read_text())
STEPS = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
BASH = shutil.which("bash")


def ended(folder: Path, step: str, claimbench: str, **environment: str) -> int:
    """The step's exit code, with a `claimbench` that is this text of a shell script."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "claimbench").write_text(f"#!/bin/sh\n{claimbench}\n")
    (tools / "claimbench").chmod(0o755)
    (tools / "python").unlink(missing_ok=True)
    (tools / "python").symlink_to(sys.executable)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    given = {"GITHUB_OUTPUT": str(folder / "outputs"), "PATH": path, **environment}
    command = [str(BASH), "--noprofile", "--norc", "-eo", "pipefail", "-c", step]
    return subprocess.run(command, cwd=folder, env={**os.environ, **given}, check=False).returncode


def judged(folder: Path, gate: GateRecord, inconclusive: str = "warn") -> int:
    """The exit code of the last step where the check wrote this."""
    (folder / "gate.json").write_text(to_json(gate))
    code = gate.verdict.exit_code
    check = f"mkdir -p claimbench-results/gate; cp gate.json claimbench-results/gate/; exit {code}"
    given = {"BASELINE": "b", "BASE_REV": "", "TIERS": "all", "INCONCLUSIVE": inconclusive}
    return ended(folder, STEPS[-1], check, **given)


def undecided_time() -> GateRecord:
    return checked(a_later_run(), thresholds=rules(base__time_s="<1.05"), duel=a_duel(1.05))


def test_an_undecided_time_is_softened_where_a_warning_is_asked_for(tmp_path: Path) -> None:
    gate = undecided_time()

    assert gate.verdict.exit_code == 3
    assert judged(tmp_path, gate) == 0
    assert judged(tmp_path, gate, "fail") == 3
    assert "verdict=inconclusive" in (tmp_path / "outputs").read_text()


def test_an_undecided_counter_is_never_softened(tmp_path: Path) -> None:
    gate = checked(a_later_run(multiplied("round_trips", 0.1)))

    assert gate.verdict.exit_code == 3
    assert judged(tmp_path, gate) == 3


def test_a_counter_beside_an_undecided_time_is_not_softened(tmp_path: Path) -> None:
    run = a_later_run(multiplied("round_trips", 0.1))
    gate = checked(run, thresholds=rules(base__time_s="<1.05"), duel=a_duel(1.05))

    assert judged(tmp_path, gate) == 3


def test_a_check_that_ended_without_a_verdict_is_not_softened_by_an_earlier_one(tmp_path: Path) -> None:
    judged(tmp_path, undecided_time())
    given = {"BASELINE": "b", "BASE_REV": "", "TIERS": "all", "INCONCLUSIVE": "warn"}

    assert ended(tmp_path, STEPS[-1], "exit 3", **given) == 3


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 5", 5), ("exit 2", 2), ("exit 3", 3)])
def test_the_step_that_runs_goes_on_only_where_there_are_results(
    tmp_path: Path, script: str, code: int
) -> None:
    assert ended(tmp_path, STEPS[1], script, SCENARIO="smoke", ARMS="") == code


def test_a_run_whose_time_is_invalid_goes_on_to_the_gate(tmp_path: Path) -> None:
    script = "mkdir -p claimbench-results; touch claimbench-results/results.json; exit 3"

    assert ended(tmp_path, STEPS[1], script, SCENARIO="smoke", ARMS="") == 0


def test_the_real_check_turns_a_regression_red_in_the_action(tmp_path: Path) -> None:
    results = tmp_path / "claimbench-results"
    results.mkdir()
    run = a_later_run(lambda each: multiplied("statements", 20)(each) if each.size == 4 else each)
    (results / "results.json").write_text(to_json(run))
    write(BASELINE, a_baseline(), tmp_path / "base.json")
    command = (
        f"shift; exec {sys.executable} -m claimbench.loadgen check claimbench-results --baseline base.json"
    )
    given = {"BASELINE": "base.json", "BASE_REV": "", "TIERS": "counters", "INCONCLUSIVE": "warn"}

    assert ended(tmp_path, STEPS[-1], f"{command} --tiers counters", **given) == 1
    assert json.loads((results / "gate" / "gate.json").read_text())["verdict"]["value"] == "fail"
