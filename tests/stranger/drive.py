"""A stranger's first minutes: `nox -s wheel`.

Each environment begins empty, gets a distribution of ours and nothing else, and does what `docs/your-code.md`
says under “A first test”, with the files that stand there. Standard library alone.
"""

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "your-code.md"
HEAVY = ("matplotlib", "scipy", "fastapi", "openai", "locust", "apscheduler", "jinja2", "testcontainers")
EXTRAS = {"report": "report", "run": "openai", "load": "load", "serve": "service"}
MOST_LINES = 10
MOST_IMPORT_MS = 150


@dataclass(frozen=True)
class Stranger:
    """An empty environment: what is pinned in it beside our distribution, and what is taken out again."""

    name: str
    pinned: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


LOWEST = (
    *("numpy==1.26.4", "psutil==6.0.0", "psycopg[binary]==3.1.20", "pydantic==2.8.2", "pytest==8.0.0"),
    *("rich==13.9.4", "sqlalchemy==2.0.30", "typer==0.29.0"),
)
"""The oldest of each that the core was tried with."""

STRANGERS = (
    Stranger("newest"),
    Stranger("sqlalchemy-2.0", pinned=("sqlalchemy>=2.0,<2.1",)),
    Stranger("lowest", pinned=LOWEST),
    Stranger("without-pytest", removed=("pytest",)),
)


def files_of_the_docs() -> dict[str, str]:
    """The files of the section, by name: a block of Python whose first line is a comment with its name."""
    section = DOCS.read_text().partition("## A first test\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"```python\n# (\w+\.py)[^\n]*\n(.*?)```", section, re.DOTALL))


def told(command: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def expect(found: bool, what: str, output: str = "") -> None:
    if not found:
        sys.exit(f"{what}\n{output}")
    print(f"  {what}: yes")


def visit(stranger: Stranger, distribution: str, folder: Path) -> None:
    """From an empty environment to a red test and a verdict."""
    began, home = time.monotonic(), folder / stranger.name
    shutil.rmtree(home, ignore_errors=True)  # of the time before
    subprocess.run([sys.executable, "-m", "venv", str(home / "env")], check=True)
    python = str(home / "env" / "bin" / "python")
    code, output = told([python, "-m", "pip", "install", "-q", distribution, *stranger.pinned], home)
    expect(code == 0, f"{stranger.name}: pip installs {Path(distribution).name}", output)
    for name in stranger.removed:
        told([python, "-m", "pip", "uninstall", "-q", "-y", name], home)
    _, installed = told([python, "-m", "pip", "list", "--format=freeze"], home)
    heavy = [name for name in HEAVY if re.search(rf"^{name}==", installed, re.MULTILINE | re.IGNORECASE)]
    expect(not heavy, f"nothing heavy came along {heavy}")
    for name, text in files_of_the_docs().items():
        (home / name).write_text(text)
        if name != "shop.py":
            lines = [line for line in text.splitlines() if line.strip()]
            expect(len(lines) <= MOST_LINES, f"{name} has {len(lines)} lines, at most {MOST_LINES}")
    if "pytest" not in stranger.removed:
        red_test(python, home)
    verdict(home)
    missing_extras(home)
    expect(time.monotonic() - began < 300, f"all in {time.monotonic() - began:.0f} s, at most 5 minutes")


def red_test(python: str, home: Path) -> None:
    code, output = told([python, "-m", "pytest", "-q", "test_orders.py"], home)
    expect(code == 1 and "1 failed" in output, "the test is red", output)
    for line in ("round_trips grow with N", "N=2: 2, N=12: 12, N=62: 62", "sent by shop.py:"):
        expect(line in output, f"it says “{line}”", output)
    expect("likely remedy: selectinload(Order.customer)" in output, "it names the remedy", output)
    plugin = "claimbench.loadgen.yours.plugin"
    _, output = told([python, "-X", "importtime", "-c", f"import pytest, {plugin}"], home)
    taken = [line.split("|")[1] for line in output.splitlines() if line.endswith(plugin)]
    cost_ms = int(taken[-1]) / 1000
    expect(cost_ms < MOST_IMPORT_MS, f"the plugin is imported in {cost_ms:.0f} ms, at most {MOST_IMPORT_MS}")


def verdict(home: Path) -> None:
    command = [str(home / "env" / "bin" / "claimbench"), "compare", "shop_bench.py", "--out", "report"]
    code, output = told([*command, "--database", "embedded"], home)
    expect(code == 0 and "statements" in output, "compare gives its verdict on the terminal", output)
    expect("pip install 'claimbench[report]'" in output, "and says what brings pictures", output)
    written = {path.name for path in (home / "report").rglob("*") if path.is_file()}
    expect(written == {"results.json", "report.md"}, f"it writes {sorted(written)}")


def missing_extras(home: Path) -> None:
    for verb, extra in EXTRAS.items():
        code, output = told([str(home / "env" / "bin" / "claimbench"), verb], home)
        line = output.strip()
        is_told = "\n" not in line and line.endswith(f"is not installed; pip install 'claimbench[{extra}]'")
        expect(code == 2 and is_told, f"claimbench {verb}: {line.removeprefix('claimbench: ')}", output)


def main() -> None:
    """The newest of everything from the wheel and from the sdist; the other environments from the wheel."""
    folder, wheel, sdist = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    folder.mkdir(parents=True, exist_ok=True)
    # It may lie in a checkout of ours, whose settings are not theirs.
    (folder / "pytest.ini").write_text("[pytest]\n")
    for stranger in STRANGERS:
        visit(stranger, wheel, folder)
    visit(Stranger("from-sdist"), sdist, folder)


main()
