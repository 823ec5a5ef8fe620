"""docs/your-code.md and the README's first screen: every command block is run, and says what stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import NO_ENGINE

pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("files_in_memory")]
ROOT = Path(__file__).parents[3]
DOCS = (ROOT / "docs" / "your-code.md").read_text()
README = (ROOT / "README.md").read_text()
PLUGINS = ("-p", "claimbench.loadgen.yours.plugin", "-p", "anyio.pytest_plugin")
"""In place of all that is installed here, which takes seconds; `nox -s wheel` loads it as users do."""
PROGRAMS = {
    "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PLUGINS],
    "claimbench": [sys.executable, "-m", "claimbench.loadgen"],
}
PRELUDE = """
import pytest
from shop import add_orders, list_orders, list_orders_at_once
from sqlalchemy import create_engine

@pytest.fixture
def engine(claimbench_database):
    return create_engine(claimbench_database)

"""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def named_files(text: str) -> dict[str, str]:
    """Blocks of Python whose first line is a comment that names their file."""
    return {found[1]: block for block in blocks(text, "python") if (found := re.match(r"# (\w+\.py)", block))}


def commands(section: str) -> list[tuple[str, list[str]]]:
    """Each command of a section, but for pip's, with the lines that it is said to print."""
    found = [block.removeprefix("$ ").splitlines() for block in blocks(section, "console")]
    return [(command, said) for command, *said in found if not command.startswith("pip ")]


SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", DOCS, re.DOTALL | re.MULTILINE))
COMMANDS = [each for text in SECTIONS.values() for each in commands(text)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a reader has by then: the files of the page, and the examples."""
    for name, text in named_files(DOCS).items():
        (tmp_path / name).write_text(text)
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def output(command: str, folder: Path) -> str:
    program, *words = shlex.split(command)
    ran = subprocess.run(
        [*PROGRAMS[program], *words],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **NO_ENGINE, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return ran.stdout


def expect(said: list[str], printed: str) -> None:
    text = " ".join(re.sub(r"\nE ", "\n", printed).split())
    missing = [line for line in said if " ".join(line.removeprefix("E ").split()) not in text]

    assert not missing, printed


@pytest.mark.parametrize(("command", "said"), COMMANDS, ids=[each[0] for each in COMMANDS])
def test_a_command_of_the_page_prints_what_it_says(folder: Path, command: str, said: list[str]) -> None:
    if "django" in command:
        pytest.importorskip("django")
    expect(said, output(command, folder))


def test_the_six_lines_of_the_readme_are_red_as_it_shows(folder: Path) -> None:
    first = README.partition("## Six lines in your own tests")[2].partition("\n## ")[0]
    (test,), (said,) = blocks(first, "python"), blocks(first, "text")
    (folder / "test_readme.py").write_text(PRELUDE + test)
    printed = output("pytest test_readme.py", folder)

    assert len([line for line in test.splitlines() if line.strip()]) <= 6
    expect(said.splitlines(), printed)


def test_every_section_of_the_page_but_the_first_fits_a_screen() -> None:
    lines = {title: len(text.splitlines()) for title, text in SECTIONS.items()}

    assert {title: count for title, count in lines.items() if count > 70 and title != "A first test"} == {}
