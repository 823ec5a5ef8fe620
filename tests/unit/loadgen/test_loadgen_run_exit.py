"""`run --no-claims`: what the claims came to is written, and decides no exit code."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from gate_factory import a_run
from typer.testing import CliRunner

from claimbench.loadgen.commands.cli import command_line
from claimbench.loadgen.commands.run import RunOptions
from claimbench.loadgen.passes import workflow
from claimbench.reports.record.values import Verdict, VerdictValue

WITH_CLAIMS = {
    "holds": 0,
    "exceeded": 0,
    "refuted": 1,
    "pass": 0,
    "fail": 1,
    "inconclusive": 3,
    "invalid": 3,
    "not_equivalent": 5,
    "lost": 5,
}
WITHOUT = WITH_CLAIMS | {"refuted": 0, "inconclusive": 0}


@pytest.mark.parametrize("value", VerdictValue)
def test_without_claims_a_run_ends_with_0_unless_its_arms_differ_or_it_is_invalid(
    value: VerdictValue,
) -> None:
    verdict = Verdict.of(value, "as it came out")
    ended = {
        decide: RunOptions("smoke", None, None, "auto", decide).exit_code(verdict) for decide in (True, False)
    }

    assert ended == {True: WITH_CLAIMS[value], False: WITHOUT[value]}


@pytest.mark.parametrize(
    ("word", "value", "code"),
    [
        ("--claims", VerdictValue.REFUTED, 1),
        ("--no-claims", VerdictValue.REFUTED, 0),
        ("--no-claims", VerdictValue.INVALID, 3),
        ("--no-claims", VerdictValue.NOT_EQUIVALENT, 5),
    ],
)
def test_the_verdict_is_written_whether_or_not_it_decides(
    word: str, value: VerdictValue, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_run().model_copy(update={"verdict": Verdict.of(value, "as it came out")})
    monkeypatch.setattr("claimbench.loadgen.commands.run.Forks", lambda _: nullcontext())
    monkeypatch.setattr(workflow, "run_scenario", lambda *_: record)
    words = ["run", "smoke", word, "--out", str(tmp_path / "report")]

    ended = CliRunner().invoke(command_line(["run"]), words)
    stored = json.loads((tmp_path / "report" / "results.json").read_text())

    assert ended.exit_code == code, ended.output
    assert stored["verdict"] == {
        "value": value.value,
        "exit_code": value.exit_code,
        "reason": "as it came out",
    }
    assert {claim["verdict"] for claim in stored["claims"]} == {each.verdict for each in record.claims}
    assert ("decides nothing with --no-claims" in ended.output) is (code == 0)
