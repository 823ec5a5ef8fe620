"""The sessions of this project; `nox -s bench` and `nox -s tests` are the two that a newcomer needs."""

import atexit
import json
import os
import shutil
import sys
import tarfile
import time
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "tests", "whole"]
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
LOCK = ("--constraint", ".ci/constraints.txt")

CORES = os.cpu_count() or 1


def side_by_side(processes: int) -> tuple[str, ...]:
    """Each test goes to whoever is free; tests that share something dear name it as their `xdist_group`."""
    return "--numprocesses", str(processes), "--dist", "loadgroup"


VERDICT_CODES = [0, 1, 3]
"""A benchmark session has done its work when there is a verdict: that a claim is refuted is a result."""


def install(session: nox.Session, *groups: str) -> None:
    """The project as it stands here and the tools of some groups, at the versions of the lock."""
    session.env["PYTHONDONTWRITEBYTECODE"] = ""  # many short processes start: let them find their bytecode
    tools = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    wanted = (*LOCK, "--editable", ".[all]", *tools)
    if shutil.which("uv"):
        python = str(Path(session.bin, "python"))
        uv = ("uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python)
        session.run(*uv, *wanted, external=True)
    else:
        session.log("pip installs the project and what it needs: a minute the first time, then seconds")
        session.install(*wanted)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the document's scenario (or the words given) and write the report: nox -s bench -- smoke"""
    install(session)
    words = session.posargs or ["document"]
    session.run("claimbench", "run", *words, success_codes=VERDICT_CODES)
    atexit.register(tell_verdict, newest_results(words))


def newest_results(words: Sequence[str]) -> Path:
    """Where the run with these words has written."""
    for place, word in enumerate(words):
        if word in {"--out", "-o"}:
            return Path(words[place + 1], "results.json")
    return max(Path("results").glob("*/results.json"), key=lambda file: file.stat().st_mtime)


def tell_verdict(results: Path) -> None:
    """Have the last word: nox calls a session successful that has measured to its end, whatever came out."""
    verdict = json.loads(results.read_text())["verdict"]
    meaning = "the line above says that it was measured to its end, this one what came out"
    sys.stderr.write(
        f"claimbench: {verdict['value']} (exit {verdict['exit_code']}; {meaning}): {verdict['reason']}\n"
        f"claimbench: read {results.with_name('report.html')}\n"
    )


@nox.session
def figures(session: nox.Session) -> None:
    """Take every load figure that docs/load.md publishes again, some 35 minutes on a quiet machine."""
    install(session, "tests")
    session.run("python", "tests/bench/load_figures.py", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Draw a report again from its results: nox -s report -- FOLDER"""
    install(session)
    session.run("claimbench", "report", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but the whole runs, the bench and load ones in smoke size: nox -s tests -- -k words"""
    install(session, "tests")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    crowded(session, "not whole and not alone and not bench")
    session.run("pytest", "-q", *side_by_side(2), "-m", "alone and not whole and not bench")
    session.run("pytest", "-q", "-m", "bench")


@nox.session
def whole(session: nox.Session) -> None:
    """The tests that take whole runs of a command, or whole histories; CI runs them after the others."""
    install(session, "tests")
    crowded(session, "whole and not alone", "tests/contract", "tests/integration")
    session.run("pytest", "-q", *side_by_side(2), "-m", "whole and alone", "tests/integration")


def crowded(session: nox.Session, which: str, *paths: str) -> None:
    """One process more than there are cores: many a test waits, for a lease, a time-out, an arrival."""
    session.run("pytest", "-q", *side_by_side(CORES + 1), "-m", which, *paths)


@nox.session
def quick(session: nox.Session) -> None:
    """While you work, in less than a minute: the style of what changed, import contracts, the pure tests."""
    install(session, "lint", "tests")
    if changed := changed_modules(session):
        session.run("ruff", "check", *changed)
        session.run("ruff", "format", "--check", *changed)
    session.run("lint-imports", silent=True)
    session.run("pytest", "-q", *side_by_side(CORES), "tests/unit", "tests/tidy", *session.posargs)


def changed_modules(session: nox.Session) -> list[str]:
    """What differs from where this branch left main, and what is new."""
    differing = ("diff", "--name-only", "--relative", "--diff-filter=d", "--merge-base", "main")
    new = ("ls-files", "--others", "--exclude-standard")
    listed = [session.run("git", *words, external=True, silent=True) or "" for words in (differing, new)]
    return sorted(name for name in "".join(listed).split() if name.endswith(".py"))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and import contracts."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types."""
    install(session, "types")
    session.run("mypy")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build wheel and sdist, look into them, try both as strangers, run smoke: nox -s wheel -- FOLDER"""
    folder = Path(session.posargs[0] if session.posargs else session.create_tmp()).resolve()
    for old in folder.glob("claimbench-*"):
        old.unlink()
    session.install(*LOCK, "build", "twine")
    session.run("python", "-m", "build", "--outdir", str(folder), ".", silent=True)
    (built,), (source,) = folder.glob("claimbench-*.whl"), folder.glob("claimbench-*.tar.gz")
    session.run("twine", "check", "--strict", str(built), str(source))
    refuse_strangers(session, {name.split("/")[0] for name in zipfile.ZipFile(built).namelist()}, WHEEL)
    with tarfile.open(source) as opened:
        refuse_strangers(session, {name.split("/")[1] for name in opened.getnames() if "/" in name}, SDIST)
    session.run("python", "tests/stranger/drive.py", str(folder / "strangers"), str(built), str(source))
    session.run("python", "-m", "venv", "--clear", f"{folder}/empty", silent=True)
    python = f"{folder}/empty/bin/python"
    session.run(python, "-m", "pip", "install", "--quiet", *LOCK, f"{built}[all]", external=True)
    with session.chdir(folder):
        command = f"{folder}/empty/bin/claimbench"
        out = f"{folder}/report-{time.time_ns()}"
        session.run(command, "run", "smoke", "--out", out, external=True, success_codes=VERDICT_CODES)


WHEEL = {"claimbench", "claimbench-*.dist-info"}
SDIST = {
    *("impl", "scenarios", "reports", "loadgen", "tests", "examples", "docs", "noxfile.py", "CHANGELOG.md"),
    *("README.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"),
}
"""What may stand at the top of each: nothing generic reaches a user's site-packages."""


def refuse_strangers(session: nox.Session, found: set[str], expected: set[str]) -> None:
    """End when something else is in a distribution."""
    strangers = {name for name in found if not any(fnmatch(name, each) for each in expected)}
    if strangers:
        session.error(f"a distribution also brings {strangers}")


LIMIT_POINTS = "10x10,10x100,10x1000,100x100,10x10000,100x1000,1000x100,10000x10,100x10000"


@nox.session
def limit(session: nox.Session) -> None:
    """Measure every goal of docs/limit.md and write its table; on a quiet machine, in about twelve minutes.

    nox -s limit -- --points 10x100,10x1000 gives other words to `claimbench scale`.
    """
    install(session)
    out = f"results/limit-{time.time_ns()}"
    words = ("--points", LIMIT_POINTS, "--parts", "all", "--budget", "150", "--database", "embedded")
    session.run("claimbench", "scale", *words, *session.posargs, "--out", out, success_codes=[0, 3])
    session.run("python", "-m", "claimbench.reports.render.goals", out, "docs/limit.md", "docs/peers.json")


@nox.session
def clients(session: nox.Session) -> None:
    """Clients of others, from the registry, through whole batches of the fake; `-- NAME` runs one."""
    install(session, "tests")
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "tests/clients/drive.py", str(folder), *session.posargs)


RIVALS = ("pytest-queryguard", "queryspy", "pytest-benchmark")


@nox.session
def rivals(session: nox.Session) -> None:
    """Other tools on the same three examples: what each catches is written into docs/rivals.md."""
    install(session, "tests")
    for rival in RIVALS:  # one that does not install is told so in the table
        session.run("python", "-m", "pip", "install", "--quiet", rival, success_codes=[0, 1])
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "tests/rivals/drive.py", str(folder), *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Queues, counters and seeders of others beside ours, into docs/peers.json and docs/peers.md."""
    install(session, "peers")
    session.run("python", "tests/peers/measure.py", *(session.posargs or ["docs"]))


@nox.session
def older_client(session: nox.Session) -> None:
    """The fake's contract with the official client of the version before, which speaks httpx."""
    install(session, "tests")
    session.install("openai<3")
    session.run("pytest", "-q", "tests/contract/fake_openai", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Thousands of histories and a kill at every point, with progress, in a quarter of an hour."""
    install(session, "tests")
    session.run("pytest", "-m", "chaos", "-s", "tests/chaos", *session.posargs)
