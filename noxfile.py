"""The sessions of this project; `nox -s bench` and `nox -s tests` are the two that a newcomer needs."""

import ast
import os
import time
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
LOCK = ("--constraint", ".ci/constraints.txt")

PROCESSES = (os.cpu_count() or 1) + 1
"""One more than there are processors, for many a test waits: for a lease, a time-out, an arrival."""

SIDE_BY_SIDE = ("--numprocesses", str(PROCESSES), "--dist", "loadgroup")
"""Each test goes to whoever is free; what shares something dear names its `xdist_group`."""

VERDICT_CODES = [0, 1, 3]
"""A benchmark session has done its work when there is a verdict: that a claim is refuted is a result."""


def install(session: nox.Session, *groups: str) -> None:
    """The project as it stands here and the tools of some groups, at the versions of the lock."""
    session.env["PYTHONDONTWRITEBYTECODE"] = ""  # many short processes start: let them find their bytecode
    tools = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    session.install(*LOCK, "--editable", ".", *tools)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the document's scenario (or the words given) and write the report: nox -s bench -- smoke"""
    install(session)
    session.run("claimbench", "run", *(session.posargs or ["document"]), success_codes=VERDICT_CODES)


@nox.session
def report(session: nox.Session) -> None:
    """Draw a report again from its results: nox -s report -- FOLDER"""
    install(session)
    session.run("claimbench", "report", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, the bench and load ones in smoke size: nox -s tests -- -k words"""
    install(session, "tests")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", "-q", *SIDE_BY_SIDE, "-m", "not bench")
    session.run("pytest", "-q", "-m", "bench")  # what judges its own figures wants the machine for itself


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
    """Build the wheel, install it alone, and run the smoke scenario from what it brought."""
    folder = Path(session.create_tmp()).resolve()
    session.install(*LOCK, "build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder), ".", silent=True)
    (built,) = folder.glob("claimbench-*.whl")
    session.run("python", "-m", "venv", "--clear", f"{folder}/empty", silent=True)
    python = f"{folder}/empty/bin/python"
    session.run(python, "-m", "pip", "install", "--quiet", *LOCK, str(built), external=True)
    check = "from importlib.metadata import files; print({path.parts[0] for path in files('claimbench')})"
    brought = session.run(python, "-c", check, external=True, silent=True) or ""
    session.log(f"the wheel brings {brought.strip()}")
    strangers = {name for name in ast.literal_eval(brought) if not name.startswith(("claimbench", ".."))}
    if strangers:
        session.error(f"the wheel also brings {strangers}")
    with session.chdir(folder):
        command = f"{folder}/empty/bin/claimbench"
        out = f"{folder}/report-{time.time_ns()}"
        session.run(command, "run", "smoke", "--out", out, external=True, success_codes=VERDICT_CODES)


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
