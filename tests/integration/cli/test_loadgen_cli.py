"""The command line: every verb explains itself, and the README tells of all of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from claimbench.loadgen.commands.cli import VERBS, Verb, command_line
from claimbench.loadgen.commands.run import run
from claimbench.scenarios.loader import available

README = (Path(__file__).parents[3] / "README.md").read_text()


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_has_help_with_an_example_of_itself(verb: Verb) -> None:
    shown = CliRunner().invoke(command_line([verb.name]), [verb.name, "--help"])

    assert shown.exit_code == 0
    assert f"Example: claimbench {verb.name}" in shown.output


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_list_of_verbs_says_of_each_what_its_own_help_says(verb: Verb) -> None:
    shown = CliRunner().invoke(command_line([verb.name]), [verb.name, "--help"])

    assert verb.about in " ".join(shown.output.split())


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_list_of_verbs_names_them_all_without_reading_one(words: list[str]) -> None:
    code = f"""
import sys
from typer.testing import CliRunner
from claimbench.loadgen.commands.cli import command_line
print(CliRunner().invoke(command_line({words}), {words}).output)
print("read:", *sorted(name for name in sys.modules if name.startswith("claimbench.")))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert all(f" {verb.name} " in shown for verb in VERBS)
    ours = (
        *("errors", "loadgen", "loadgen.commands", "loadgen.commands.cli", "loadgen.commands.surroundings"),
        *("loadgen.processes", "loadgen.processes.ending", "loadgen.processes.importing"),
    )
    assert f"read: {' '.join(f'claimbench.{name}' for name in ours)}\n" in shown


@pytest.mark.parametrize("words", [["run"], ["--", "run"], ["run", "--help"]])
def test_a_verb_is_read_wherever_its_name_stands(words: list[str]) -> None:
    named = [command.name for command in command_line(words).registered_commands if command.callback is run]

    assert named == ["run"]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_an_example_begins_with_the_verb_that_it_is_for(verb: Verb) -> None:
    assert verb.example.startswith(f"claimbench {verb.name}")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_readme_names_every_verb(verb: Verb) -> None:
    assert re.search(rf"`claimbench {verb.name}\b", README)


def test_the_readme_names_no_verb_that_does_not_exist() -> None:
    told = set(re.findall(r"`claimbench ([a-z]+)", README)) | set(
        re.findall(r"^\$ claimbench ([a-z]+)", README, re.MULTILINE)
    )

    assert told <= {verb.name for verb in VERBS}


def test_the_readme_lists_every_scenario_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", README, re.MULTILINE))

    assert listed == {summary.name for summary in available()}


@pytest.mark.parametrize("path", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_the_readme_links_to_nothing_that_is_missing(path: str) -> None:
    assert (Path(__file__).parents[3] / path).exists()


def test_an_arm_that_raised_nothing_itself_is_told_in_one_line() -> None:
    code = """
import sys
from claimbench.errors import ArmError
from claimbench.loadgen.commands import cli
from claimbench.loadgen.commands import listing
sys.argv = ["claimbench", "list"]
def refuse():
    raise ArmError("returned None", where="arm Mine, check_statuses", remedy="return a report")
listing.list_all = refuse
cli.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    told = "claimbench: arm Mine, check_statuses: returned None; return a report\n"
    assert (ended.returncode, ended.stderr) == (3, told)


def test_a_fault_of_its_own_is_no_verdict() -> None:
    code = """
import sys
from claimbench.loadgen.commands import cli
from claimbench.loadgen.commands import listing
sys.argv = ["claimbench", "list"]
listing.list_all = lambda: {}["scenario"]
cli.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ended.returncode == 70
    assert "Traceback" in ended.stderr
    assert ended.stderr.splitlines()[-1] == (
        "claimbench: a fault of its own (KeyError); please report the lines above"
    )
