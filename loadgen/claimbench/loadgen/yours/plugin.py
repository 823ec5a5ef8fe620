"""The pytest plugin: loaded by every pytest of an environment, so it imports nothing until it is used."""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy import URL

    from claimbench.loadgen.yours.baseline import KnownFindings
    from claimbench.loadgen.yours.fixture import Yours

MARKERS = ("round_trips", "statements", "executions", "rows", "row_bytes", "commits")
_SERVER = pytest.StashKey[str]()
_TELLER = pytest.StashKey[Any]()
_FINDINGS = pytest.StashKey[Any]()
_NUMBERS = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our options, in a group of their own."""
    group = parser.getgroup("claimbench", "what tests send to Postgres")
    group.addoption(
        "--claimbench-collect", action="store_true", help="write what grows or repeats to a baseline"
    )
    group.addoption(
        "--claimbench-strict", action="store_true", help="fail on what the baseline does not know"
    )
    group.addoption("--claimbench-baseline", default="claimbench-baseline.json", help="the baseline's file")
    group.addoption(
        "--claimbench-database",
        default="embedded",
        help="where claimbench_database lives: embedded, or a URL",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for name in MARKERS:
        what = name.replace("_", " ")
        config.addinivalue_line(
            "markers", f"max_{name}(n): fail when the test's call needs more than n {what}"
        )
    if config.getoption("claimbench_collect") or config.getoption("claimbench_strict"):
        from claimbench.loadgen.yours.baseline import KnownFindings

        config.stash[_FINDINGS] = KnownFindings.of(config)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Watch for connections from before the first fixture on, if any test wants to know of them."""
    names = {f"max_{each}" for each in MARKERS}
    if _FINDINGS in session.config.stash or any(
        "claimbench" in getattr(item, "fixturenames", ())
        or any(mark.name in names for mark in item.iter_markers())
        for item in session.items
    ):
        from claimbench.loadgen.probes.drivers.hook import HOOK

        HOOK.set()


@pytest.fixture
def claimbench(request: pytest.FixtureRequest) -> Yours:
    """`assert_growth` and `assert_same_work`, over whatever database the test talks to."""
    from claimbench.loadgen.yours.fixture import Yours

    findings: KnownFindings | None = request.config.stash.get(_FINDINGS, None)
    node = request.node.nodeid
    return Yours(lambda keys: [] if findings is None else findings.refuse(node, keys))


@pytest.fixture
def claimbench_database(request: pytest.FixtureRequest) -> Iterator[URL]:
    """The URL of an empty database of ours, which is dropped after the test; its text hides the password."""
    from sqlalchemy import make_url

    from claimbench.loadgen.bench.databases.connecting import DRIVER, connect

    server = make_url(_server(request.config)).set(drivername=DRIVER)
    name = f"claimbench_test_{os.getpid()}_{next(_NUMBERS)}"
    with connect(server) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        yield server.set(database=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def claimbench_dsn(claimbench_database: URL) -> str:
    """The same as libpq reads it: for psycopg, psycopg2, asyncpg. Its representation hides the password."""
    from claimbench.loadgen.yours.dsn import Dsn

    return Dsn.of(claimbench_database)


def _server(config: pytest.Config) -> str:
    """One server a session: the controller's under xdist, else ours, started when it is asked for."""
    if hasattr(config, "workerinput"):
        from claimbench.loadgen.yours.one_server import asked

        return asked(config.workerinput["claimbench_server"])
    if _SERVER not in config.stash:
        chosen = config.getoption("claimbench_database")
        if chosen == "embedded":
            from claimbench.loadgen.bench.databases.embedded import embedded_server

            stack = ExitStack()
            config.add_cleanup(stack.close)
            chosen = stack.enter_context(embedded_server(in_memory=True)).url.render_as_string(
                hide_password=False
            )
        config.stash[_SERVER] = chosen
    return config.stash[_SERVER]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where the one server is."""
    if _TELLER not in node.config.stash:
        from claimbench.loadgen.yours.one_server import ServerTeller

        node.config.stash[_TELLER] = ServerTeller(lambda: _server(node.config))
    node.workerinput["claimbench_server"] = node.config.stash[_TELLER].ticket


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker found."""
    findings = node.config.stash.get(_FINDINGS, None)
    if findings is not None:
        findings.take_over(getattr(node, "workeroutput", {}).get("claimbench_findings", []))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Hold the test's call to its markers; a mistake is one line, and the suite goes on."""
    budgets = _budgets(item)
    findings: KnownFindings | None = item.config.stash.get(_FINDINGS, None)
    if not budgets and findings is None and "claimbench" not in getattr(item, "fixturenames", ()):
        return (yield)
    from claimbench.errors import ClaimbenchError
    from claimbench.loadgen.yours.budgets import call_judged

    if findings is not None:
        findings.ran.add(item.nodeid)

    try:
        if not budgets and findings is None:
            return (yield)
        with call_judged(item.nodeid, budgets, findings) as told:
            result = yield
        mistake = "".join(told)
    except ClaimbenchError as error:
        mistake = f"claimbench: {error}"
    if mistake:
        pytest.fail(mistake, pytrace=False)
    return result


def _budgets(item: pytest.Item) -> dict[str, float]:
    budgets: dict[str, float] = {}
    for mark in item.iter_markers():
        name = mark.name.removeprefix("max_")
        if mark.name in [f"max_{each}" for each in MARKERS]:
            limit = mark.args[0] if len(mark.args) == 1 and not mark.kwargs else None
            if not isinstance(limit, int | float) or isinstance(limit, bool) or limit < 0:
                pytest.fail(
                    f"claimbench: @pytest.mark.{mark.name} takes one number, such as 3", pytrace=False
                )
            budgets.setdefault(name, limit)
        elif close := _close_to(mark.name):
            pytest.fail(f"claimbench: there is no marker {mark.name}; did you mean {close}?", pytrace=False)
    return budgets


def _close_to(name: str) -> str:
    """The marker of ours that is nearly called so; empty when there is none."""
    from difflib import get_close_matches

    return "".join(get_close_matches(name, [f"max_{each}" for each in MARKERS], n=1, cutoff=0.8))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the baseline, or hand what was found to the controller."""
    findings = session.config.stash.get(_FINDINGS, None)
    if findings is None:
        return
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["claimbench_findings"] = findings.rows()
    else:
        findings.close()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was written, and what is fixed by now."""
    findings = config.stash.get(_FINDINGS, None)
    if findings is not None:
        for line in findings.summary():
            terminalreporter.write_line(f"claimbench: {line}")
