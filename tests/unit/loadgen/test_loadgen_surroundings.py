"""Where the command is called: behind a proxy, beside other servers, on a terminal that is not UTF-8."""

import io
import os
import sys
import urllib.request
from importlib import import_module
from pathlib import Path

import pytest
from psycopg import pq

from claimbench.errors import UsageError
from claimbench.loadgen.commands.surroundings import (
    LOOPBACK,
    forget_other_servers,
    look_here_for_modules,
    reach_loopback_directly,
    write_plainly,
)

LIBPQ = {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    return monkeypatch


def bypassed(host: str) -> bool:
    return bool(urllib.request.proxy_bypass_environment(host))


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_proxy_is_asked_for_this_machine(host: str) -> None:
    assert not bypassed(host)
    reach_loopback_directly()
    assert bypassed(host)
    assert not bypassed("api.openai.com")


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_what_is_excepted_already_stays_excepted(proxies: pytest.MonkeyPatch, name: str) -> None:
    proxies.setenv(name, "inside.example, localhost")

    reach_loopback_directly()
    reach_loopback_directly()

    assert bypassed("inside.example")
    assert bypassed("127.0.0.1")


def test_who_asks_no_proxy_at_all_still_asks_none(proxies: pytest.MonkeyPatch) -> None:
    proxies.setenv("no_proxy", "*")

    reach_loopback_directly()

    assert bypassed("api.openai.com")


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "✓+ exceeded −3 %…"),
        ("ascii", "++ exceeded -3 %..."),
        ("latin-1", "++ exceeded -3 %..."),
    ],
)
def test_signs_that_a_stream_cannot_write_become_plainer(encoding: str, written: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)

    write_plainly([stream, io.StringIO()])
    stream.write("✓+ exceeded −3 %…")
    stream.flush()

    assert raw.getvalue().decode(encoding) == written


def test_a_letter_without_a_plainer_form_is_a_question_mark() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    write_plainly([stream])
    stream.write("日本 ok")
    stream.flush()

    assert raw.getvalue() == b"?? ok"


@pytest.fixture
def other_servers(proxies: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    proxies.delenv("DATABASE_URL", raising=False)
    for name in LIBPQ:
        proxies.setenv(name, "theirs")
    return proxies


@pytest.mark.parametrize("database", ["embedded", "container", "auto"])
@pytest.mark.usefixtures("other_servers")
def test_a_server_of_ours_is_reached_as_if_there_were_no_other(database: str) -> None:
    assert len(LIBPQ) > 30

    forget_other_servers(database)

    assert LIBPQ & os.environ.keys() == {"PGCLIENTENCODING"}
    assert os.environ["PGCLIENTENCODING"] == "UTF8"


@pytest.mark.parametrize("database", ["postgresql://host/base", "auto"])
def test_a_server_of_the_users_is_reached_as_the_environment_says(
    other_servers: pytest.MonkeyPatch, database: str
) -> None:
    other_servers.setenv("DATABASE_URL", "postgresql://host/base")

    forget_other_servers(database)

    assert LIBPQ - os.environ.keys() == set()
    assert os.environ["PGCLIENTENCODING"] == "UTF8"


def test_modules_of_the_users_are_looked_for_where_the_command_was_called(
    tmp_path: Path, proxies: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_own_module.py").write_text("ANSWER = 42\n")
    proxies.chdir(tmp_path)
    proxies.setattr(sys, "path", [*sys.path])
    proxies.setenv("PYTHONPATH", "/elsewhere")

    look_here_for_modules()

    assert import_module("their_own_module").ANSWER == 42
    assert os.environ["PYTHONPATH"] == f"{tmp_path}{os.pathsep}/elsewhere"


def test_a_folder_that_is_gone_is_told_in_words(tmp_path: Path, proxies: pytest.MonkeyPatch) -> None:
    proxies.chdir(tmp_path)
    tmp_path.rmdir()

    with pytest.raises(UsageError, match="this folder: is gone; go to one that exists"):
        look_here_for_modules()
