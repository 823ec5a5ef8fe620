from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from claimbench.errors import UsageError
from claimbench.loadgen.commands import extras
from claimbench.loadgen.commands import load as command
from claimbench.loadgen.commands.cli import command_line
from claimbench.loadgen.commands.load import LoadOptions, load_and_report
from claimbench.loadgen.load.block import slots
from claimbench.loadgen.load.workflow import load_of
from claimbench.scenarios.loader import load


def attempt(options: LoadOptions) -> int:
    return load_and_report(options, Console(file=StringIO()))


def test_a_scenario_without_a_load_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'smoke': the scenario has no \[load\] table"):
        attempt(LoadOptions("smoke", tmp_path / "out"))

    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_a_load_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "load.json").write_text("{}")

    with pytest.raises(UsageError, match=r"already holds a load\.json"):
        attempt(LoadOptions("load-smoke", tmp_path))


def test_without_the_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "missing_of", lambda extra: "not_there_at_all" if extra == "load" else "")

    with pytest.raises(UsageError, match=r"not_there_at_all.*pip install 'claimbench\[load\]'"):
        command_line(["load", "load-smoke"])


def test_the_words_that_run_it_again_leave_out_a_database_with_its_password() -> None:
    options = LoadOptions("load", processes=2, database="postgresql://me:secret@host/base")

    assert options.command == "claimbench load load --processes 2"


def test_the_arms_take_turns_in_being_first() -> None:
    scenario = load("load-smoke")
    order = [(slot.block, slot.arm.name) for slot in slots(scenario.arms, 3)]

    assert [arm for _, arm in order] == ["naive", "optimized", "optimized", "naive", "naive", "optimized"]
    assert [block for block, _ in order] == [0, 0, 1, 1, 2, 2]


def test_the_load_of_a_scenario_is_its_table() -> None:
    scenario = load("load-smoke")

    assert load_of(scenario) is scenario.load


def test_the_verb_has_help_that_says_what_it_does() -> None:
    app = typer.Typer()
    app.command()(command.load)
    shown = CliRunner().invoke(app, ["--help"])

    assert shown.exit_code == 0
    assert "open arrivals" in " ".join(shown.output.split())
