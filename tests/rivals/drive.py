"""Runs other tools on the same three examples and writes what each catches into the docs: `nox -s rivals`.

Each tool is tried by a test of its own kind, with its defaults; the others are switched off.
One that did not install is told so.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "rivals.md"
LISTINGS = ("n_plus_one", "right_fix", "wrong_fix")
PLUGINS = {"pytest-queryguard": "queryguard", "queryspy": "queryspy", "pytest-benchmark": "benchmark"}


@dataclass(frozen=True)
class Tool:
    """A tool: its distribution, the words that switch it on, and the test that a user of it writes."""

    name: str
    words: tuple[str, ...]
    test: str


CALLED = """def test_listing(populate, call, which):
    populate(10)
    call(which)
"""
TOOLS = (
    Tool(
        "claimbench",
        (),
        """def test_listing(claimbench, populate, call, which):
    claimbench.assert_growth(populate=populate, run=lambda: call(which))
    claimbench.assert_same_work(lambda: call("n_plus_one"), lambda: call(which))
""",
    ),
    Tool("pytest-queryguard", (), CALLED),
    Tool("queryspy", ("--queryspy-strict",), CALLED),
    Tool(
        "pytest-benchmark",
        ("--benchmark-disable-gc", "--benchmark-max-time=0.1"),
        """def test_listing(benchmark, populate, call, which):
    populate(10)
    benchmark(call, which)
""",
    ),
)

SETUPS = {
    "shop": (
        "FastAPI + SQLAlchemy",
        """
from fastapi.testclient import TestClient
from shop import Model, add_orders, make_app
from sqlalchemy import create_engine

PATHS = {"n_plus_one": "/orders", "right_fix": "/orders-fixed", "wrong_fix": "/orders-wrong"}

@pytest.fixture
def engine(claimbench_database):
    engine = create_engine(claimbench_database)
    Model.metadata.create_all(engine)
    yield engine
    engine.dispose()

@pytest.fixture
def populate(engine):
    return lambda n: add_orders(engine, n)

@pytest.fixture
def call(engine):
    client = TestClient(make_app(engine))
    return lambda which: client.get(PATHS[which]).json()
""",
    ),
    "django_shop": (
        "Django",
        """
from shop import add_orders, connect, connections, orders, orders_fixed, orders_wrong

CALLS = {"n_plus_one": orders, "right_fix": orders_fixed, "wrong_fix": orders_wrong}

@pytest.fixture
def populate(claimbench_database):
    connect(claimbench_database)
    yield add_orders
    connections["default"].close()
    del connections["default"]

@pytest.fixture
def call():
    return lambda which: CALLS[which]()
""",
    ),
    "raw_psycopg": (
        "psycopg alone",
        """
from orders import add_orders, at_once, at_once_but_five, one_by_one

CALLS = {"n_plus_one": one_by_one, "right_fix": at_once, "wrong_fix": at_once_but_five}

@pytest.fixture
def populate(claimbench_dsn):
    return lambda n: add_orders(claimbench_dsn, n)

@pytest.fixture
def call(claimbench_dsn):
    return lambda which: CALLS[which](claimbench_dsn)
""",
    ),
}
PARAMETERS = f"""
@pytest.fixture(params={LISTINGS})
def which(request):
    return request.param

"""


def outcomes(tool: Tool, example: str, folder: Path) -> dict[str, str]:
    """What is told of each listing, empty where the test passed."""
    copied = Path(
        shutil.copytree(ROOT / "examples" / example, folder / tool.name / example, dirs_exist_ok=True)
    )
    for old in copied.glob("test_*.py"):
        old.unlink()
    test, report = copied / "test_rival.py", copied / "report.xml"
    test.write_text("import pytest\n" + SETUPS[example][1] + PARAMETERS + tool.test)
    off = [word for name, plugin in PLUGINS.items() if name != tool.name for word in ("-p", f"no:{plugin}")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=short",
        *off,
        *tool.words,
    ]
    command += ["--rootdir", str(copied), "-c", "/dev/null", f"--junitxml={report}", str(test)]
    ended = subprocess.run(command, check=False, cwd=copied, capture_output=True, text=True, timeout=300)
    if not report.exists():
        sys.exit(ended.stdout + ended.stderr)
    told = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (pytest wrote it)
        text = "".join(each.text or "" for kind in ("failure", "error") for each in case.iter(kind))
        listing = re.sub(r".*\[(\w+)\]", r"\1", case.get("name", ""))
        told[listing] = text.replace(f"{copied}/", "")
    return told


def shown(text: str) -> str:
    """The sentences of a failure, without the tool's own traceback."""
    said = [line.removeprefix("E").rstrip() for line in text.splitlines()]
    start = next(
        (n for n, line in enumerate(said) if re.search(r"grow with N|N\+1|other work|queries for", line)), 0
    )
    return "\n".join(line for line in said[start : start + 9] if line.strip())


def verdict(listing: str, told: str) -> str:
    if listing == "right_fix":
        return "red: a false alarm" if told else "green"
    return "**red**" if told else "green: missed"


HEAD = """# Beside other tools
Written by `nox -s rivals`, which runs each tool with its defaults on `examples/`: a listing with an N+1, its
right fix, and a wrong fix that returns 5 orders of 10. Lines are those of the test that a user writes. None
of these tests compares what is returned with a value of its own; one that does would be red on the wrong fix
under any tool.

| tool | example | N+1 | right fix | wrong fix | lines |
|---|---|---|---|---|---|
"""


def main() -> None:
    """Every tool on every example; the table, and one failure of each."""
    folder, rows, failures = Path(sys.argv[1]), [], []
    for tool in TOOLS:
        try:
            release = version(tool.name)
        except PackageNotFoundError:
            rows.append(f"| {tool.name} | – | did not install here | | | |")
            continue
        lines = len(tool.test.splitlines())
        for example, (framework, _) in SETUPS.items():
            told = outcomes(tool, example, folder)
            cells = " | ".join(verdict(listing, told[listing]) for listing in LISTINGS)
            rows.append(f"| {tool.name} {release} | {framework} | {cells} | {lines} |")
            print(rows[-1])
            if example == "shop":
                red = [shown(told[each]) for each in LISTINGS if told[each]]
                failures.append(f"## {tool.name}\n" + "".join(f"```text\n{each}\n```\n" for each in red))
                failures[-1] += "" if red else "It fails no test: it tells times.\n"
    TABLE.write_text(
        HEAD + "\n".join(rows) + "\n\nWhat the failures of the first example tell:\n\n" + "\n".join(failures)
    )


main()
