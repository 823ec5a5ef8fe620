"""The documentation of the fake names tests that exist and every fault that there is."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from claimbench.loadgen.commands.cli import command_line
from claimbench.loadgen.fake_openai.faults import FaultKind

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "fake-openai.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in DOCUMENT.splitlines() if "| `test_" in line]
SOURCE = re.compile(
    r"(documented|guess|seen live \([^()]*(\([^()]*\)[^()]*)*\))(, (guess|seen live \(.*\)))?"
)
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


def test_every_test_that_the_document_names_exists() -> None:
    named = {row[-1].strip("`") for row in ROWS}

    assert len(ROWS) > 60
    assert named <= TESTS


def test_every_behaviour_has_a_known_source() -> None:
    unknown = [row[1] for row in ROWS if not SOURCE.fullmatch(row[1])]

    assert unknown == []
    assert {"documented", "guess"} <= {row[1] for row in ROWS}


def test_every_fault_stands_in_the_table() -> None:
    listed = [row[0].strip("`") for row in ROWS if row[0].startswith("`")]

    assert sorted(listed) == sorted(FaultKind)


def test_the_example_in_python_runs(capsys: object) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)  # noqa: S102 (the document's own example is what is tested)

    assert names["fake"].meters().calls == {"batches.list": 1}


def test_every_test_that_the_log_of_the_field_names_exists() -> None:
    log = (ROOT / "docs" / "field.md").read_text().split("## 24: ")[1].split("\n## ")[0]
    named = set(re.findall(r"`(test_\w+)`", log))

    assert len(named) > 25
    assert named <= TESTS


def test_every_command_of_the_document_names_options_that_there_are() -> None:
    shown = CliRunner().invoke(command_line(["mock"]), ["mock", "--help"], env={"COLUMNS": "200"}).output
    commands = [line for line in DOCUMENT.splitlines() if line.startswith("claimbench mock")]
    used = set(re.findall(r"--[a-z-]+", " ".join(commands)))

    assert {"--state", "--fixtures", "--record", "--limits", "--dialect", "--faults", "--clock"} <= used
    assert used <= set(re.findall(r"--[a-z-]+", shown))


def test_every_command_of_the_document_starts_a_server_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("claimbench.loadgen.commands.mock.serve", lambda *given: started.append(given))
    asked = {"custom_id": "q", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-4o"}}
    told = {"custom_id": "q", "response": {"status_code": 200, "body": {}}, "error": None}
    for name, line in {"input": asked, "output": told, "errors": told, "recorded": {**told, **asked}}.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
    command, failed = command_line(["mock"]), []
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    for line in "".join(blocks).replace("\\\n", "").splitlines():
        if line.startswith("printf"):
            subprocess.run(("bash", "-c", line), check=True)
        elif line.startswith("claimbench mock"):
            ran = CliRunner().invoke(command, shlex.split(line)[1:])
            is_told_of_unused = "matched nothing" in str(ran.exception)  # since nobody asks this server
            failed += [] if ran.exit_code == 0 or is_told_of_unused else [(line, ran.exception)]

    assert failed == []
    assert len(started) > 10
    assert len({address.port for address, *_ in started}) == len(started)
