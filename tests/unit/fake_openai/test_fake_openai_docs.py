"""The documentation of the fake names tests that exist and every fault that there is."""

import re
from pathlib import Path

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
