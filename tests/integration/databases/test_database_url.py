import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

from claimbench.errors import UsageError
from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Server, ServerKind, Workshop, open_server
from claimbench.loadgen.bench.databases import server as server_module
from claimbench.loadgen.bench.databases.connecting import connect, conninfo
from claimbench.loadgen.bench.databases.ownership import owned, sweep
from claimbench.loadgen.processes.free_port import free_port
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.scenarios.model import BatchDataset


@dataclass(frozen=True)
class Said:
    lines: list[str]

    def __call__(self, line: str) -> None:
        self.lines.append(line)


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def shared(server: Server) -> str:
    """The embedded server, as a user would give it by URL."""
    return text_of(server.admin_url)


@contextmanager
def role(server: Server, name: str, rights: str) -> Iterator[URL]:
    with connect(server.admin_url) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN {rights} PASSWORD 'topsecret'")
        try:
            yield server.admin_url.set(username=name, password="topsecret")
        finally:
            connection.execute(f"DROP ROLE {name}")


@pytest.fixture
def admin(server: Server) -> Iterator[psycopg.Connection]:
    with connect(server.admin_url) as connection:
        yield connection


def databases(server: Server) -> set[str]:
    with connect(server.admin_url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


def test_a_server_by_url_is_used_and_left_as_it_was(
    server: Server, shared: str, dataset: BatchDataset
) -> None:
    before, said = databases(server), Said([])
    with open_server(shared, announce=said) as given, Workshop(given) as workshop:
        made = workshop.template(recipe(dataset, companies=1, indexes=IndexSet.AFTER))
        during = databases(server) - before
        with workshop.clone(made) as url, connect(url):
            pass

    assert given.kind is ServerKind.URL
    assert all(name.startswith(f"claimbench_{given.run_key}_") for name in during)
    assert databases(server) == before


def test_what_is_announced_names_version_place_and_reason_but_no_password(
    server: Server, shared: str
) -> None:
    said = Said([])
    with open_server(shared, announce=said) as given:
        assert given.description == f"PostgreSQL {given.facts.server_version}, by URL"
    (line,) = said.lines

    assert line.startswith(f"database: {given.description}, postgresql+psycopg://claimbench:***@127.0.0.1:")
    assert line.endswith("(asked for)")
    assert str(server.admin_url.password) not in line


def test_the_url_of_the_environment_is_taken_by_auto(shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", shared)
    said = Said([])
    with open_server("auto", announce=said) as given:
        assert given.kind is ServerKind.URL

    assert said.lines[0].endswith("(DATABASE_URL is set)")


def refusal(url: URL) -> str:
    """What is said when a server is given that cannot be used."""
    with pytest.raises(UsageError) as raised, open_server(text_of(url), announce=print):
        pass
    return str(raised.value)


def test_a_wrong_password_is_told_in_one_line_without_it(server: Server) -> None:
    said = refusal(server.admin_url.set(password="not-the-password"))

    assert "password authentication failed" in said
    assert said.endswith("check user and password of the URL")
    assert "not-the-password" not in said
    assert "\n" not in said


def test_a_role_that_may_not_create_databases_is_told_what_it_lacks(server: Server) -> None:
    with role(server, "poor", "NOCREATEDB") as url:
        assert "this role may not create databases; ALTER ROLE … CREATEDB" in refusal(url)


def test_a_database_that_does_not_exist_is_told(server: Server) -> None:
    said = refusal(server.admin_url.set(database="nowhere"))

    assert 'database "nowhere" does not exist; name a database' in said


def test_a_server_of_another_encoding_is_refused(server: Server, admin: psycopg.Connection) -> None:
    admin.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    said = refusal(server.admin_url.set(database="latin"))
    admin.execute("DROP DATABASE latin")

    assert "the server's encoding is LATIN1; use a database whose encoding is UTF8" in said


def test_a_server_that_is_too_old_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "OLDEST_VERSION", 990_000)

    assert "is too old; use 14 or newer" in refusal(server.admin_url)


def test_an_ordinary_role_works_without_the_servers_statement_counts_and_is_told(
    server: Server, dataset: BatchDataset
) -> None:
    said = Said([])
    with (
        role(server, "modest", "CREATEDB") as url,
        open_server(text_of(url), announce=said) as given,
        Workshop(given) as workshop,
    ):
        made = workshop.template(recipe(dataset, companies=1, indexes=IndexSet.AFTER))
        workshop.checkpoint()
        with workshop.clone(made) as clone_url, connect(clone_url) as connection:
            found = connection.execute("SELECT count(*) FROM company").fetchone()

    assert found == (2,)
    assert not given.facts.pg_stat_statements
    assert said.lines[1] == "database: pg_stat_statements is missing, so only the client counts executions"


def test_an_extension_in_the_maintenance_database_is_read_there(server: Server) -> None:
    maintenance = server.admin_url.set(database="managed")
    with connect(server.admin_url) as admin:
        admin.execute("CREATE DATABASE managed")
        with connect(maintenance) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        with (
            role(server, "tenant", "CREATEDB") as url,
            open_server(text_of(url.set(database="managed")), announce=print) as given,
        ):
            assert given.facts.pg_stat_statements
            assert given.counters_url == given.admin_url
        admin.execute("DROP DATABASE managed")


def dead_run(server: Server, name: str, comment: str) -> None:
    with connect(server.admin_url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(comment))
        )


def mark(key: str, age: timedelta) -> str:
    return f"claimbench run {key} since {(datetime.now(UTC) - age).isoformat()}"


OLD = timedelta(days=1)


def test_what_a_dead_run_left_is_dropped(server: Server, admin: psycopg.Connection) -> None:
    dead_run(server, "claimbench_0000dead_clone_1", mark("0000dead", OLD))

    assert sweep(admin) == ("claimbench_0000dead_clone_1",)
    assert "claimbench_0000dead_clone_1" not in databases(server)


@pytest.mark.parametrize(
    ("name", "comment"),
    [
        ("claimbench_0000aaaa_young", mark("0000aaaa", timedelta(minutes=5))),
        ("claimbench_0000aaaa_other_key", mark("0000bbbb", OLD)),
        ("claimbench_backup", "ours since 2019, do not touch"),
        ("claimbench_0000aaaa_spoofed", "claimbench run 0000aaaa since ever and ever"),
    ],
    ids=["too young", "another run's key", "somebody's backup", "not a time"],
)
def test_what_is_not_provably_a_dead_runs_is_kept(
    server: Server, admin: psycopg.Connection, name: str, comment: str
) -> None:
    dead_run(server, name, comment)

    assert sweep(admin) == ()
    admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def test_what_a_living_run_made_is_kept_however_old(server: Server, admin: psycopg.Connection) -> None:
    with owned(server.admin_url) as owner:
        name = owner.create("clone_1")

        assert sweep(admin, grace=timedelta(0)) == ()
        assert name in databases(server)

    assert name not in databases(server)


def test_a_database_that_somebody_is_connected_to_is_kept(server: Server, admin: psycopg.Connection) -> None:
    name = "claimbench_0000cccc_clone_1"
    dead_run(server, name, mark("0000cccc", OLD))
    with connect(server.admin_url.set(database=name)):
        assert sweep(admin) == ()

    while admin.execute("SELECT FROM pg_stat_activity WHERE datname = %s", (name,)).fetchone():
        time.sleep(0.01)  # the server takes its leave of a client by itself
    assert sweep(admin) == (name,)


def test_a_run_never_drops_a_database_that_it_does_not_own(server: Server) -> None:
    with owned(server.admin_url) as owner, pytest.raises(ValueError, match="is not a database of run"):
        owner.drop("postgres")


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("default_transaction_read_only", "on", "default_transaction_read_only is on for this role"),
        ("search_path", "app", "search_path is 'app' for this role"),
        ("search_path", "'republic'", "search_path is 'republic' for this role"),
    ],
)
def test_a_role_whose_setting_forbids_the_work_is_refused_with_the_setting_and_leaves_no_database(
    server: Server, setting: str, value: str, told: str
) -> None:
    before = databases(server)
    with role(server, "restricted", "CREATEDB") as url:
        with connect(server.admin_url) as connection:
            connection.execute(sql.SQL(f"ALTER ROLE restricted SET {setting} = {value}"))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=told), open_server(text_of(url), announce=Said([])):
            pass

    assert databases(server) == before


def test_a_role_with_a_statement_timeout_works_and_its_limit_is_told_and_no_database_is_left(
    server: Server,
) -> None:
    before, said = databases(server), Said([])
    with role(server, "hasty", "CREATEDB") as url:
        with connect(server.admin_url) as connection:
            connection.execute("ALTER ROLE hasty SET statement_timeout = '1s'")
        with open_server(text_of(url), announce=said) as opened, connect(opened.counters_url) as connection:
            connection.execute("SELECT pg_sleep(1.2)")

    assert said.lines[-1].startswith("database: statement_timeout=1000ms of this role or database holds")
    assert databases(server) == before


def test_a_role_that_speaks_latin1_seeds_what_latin1_lacks(server: Server) -> None:
    with role(server, "latin", "CREATEDB") as url:
        with connect(server.admin_url) as connection:
            connection.execute("ALTER ROLE latin SET client_encoding = 'LATIN1'")
        with (
            open_server(text_of(url), announce=Said([])) as opened,
            connect(opened.counters_url) as connection,
        ):
            said = connection.execute("SELECT '→'").fetchone()

    assert said == ("→",)


def test_a_role_and_a_password_with_spaces_are_read_as_psql_reads_them(server: Server) -> None:
    with connect(server.admin_url) as connection:
        connection.execute("CREATE ROLE \"two words\" LOGIN CREATEDB PASSWORD 'two words'")
    there = server.admin_url
    text = f"postgresql://two%20words:two%20words@{there.host}:{there.port}/postgres"
    try:
        with open_server(f"{text}?options=-c%20work_mem%3D5MB", announce=Said([])) as opened:
            work_mem = opened.facts.work_mem
    finally:
        with connect(server.admin_url) as connection:
            connection.execute('DROP ROLE "two words"')

    assert work_mem == "5MB"


def test_pg_stat_statements_ends_with_as_many_entries_as_it_began_with(
    shared: str, dataset: BatchDataset
) -> None:
    def entries() -> int:
        with open_server(shared, announce=Said([])) as opened, connect(opened.counters_url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_statements WHERE dbid NOT IN (SELECT oid FROM pg_database)"
            ).fetchone()
            return int(found[0]) if found else -1

    before = entries()
    with open_server(shared, announce=Said([])) as opened, Workshop(opened) as workshop:
        template = workshop.template(recipe(dataset, companies=1, indexes=IndexSet.AFTER))
        with workshop.clone(template) as url, psycopg.connect(conninfo(url)) as arm:
            for number in range(20):
                arm.execute(f"SELECT {number} AS number_{number}")

    assert entries() == before


def test_a_pooler_before_the_server_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # A pooler answers with a key of its own when we connect, not with the number of a server process.
    monkeypatch.setattr(server_module, "_process_number", lambda _: 1)
    with pytest.raises(UsageError, match="a connection pooler \\(PgBouncer or one like it\\) stands before"):
        server_module.check_usable(server.admin_url)


PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer on this machine")
@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_a_real_pgbouncer_is_named_in_any_mode(server: Server, mode: str) -> None:
    there, port = server.admin_url, free_port()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # where another account gets, for it is no root
        place = Path(folder)
        place.chmod(0o777)
        (place / "users.txt").write_text(f'"{there.username}" "{there.password}"\n')
        (place / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={there.host} port={there.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {place}/users.txt\n"
            f"pool_mode = {mode}\nignore_startup_parameters = extra_float_digits,options\n"
        )
        command = [str(PGBOUNCER), "-q", str(place / "pgbouncer.ini")]
        account = "nobody" if os.geteuid() == 0 else None
        with subprocess.Popen(command, user=account, stderr=subprocess.DEVNULL) as pooler:
            try:
                said = refusal_when_there(there.set(port=port))
            finally:
                pooler.terminate()

    assert "a connection pooler (PgBouncer or one like it) stands before the server" in said
    assert "give the URL of the PostgreSQL server itself" in said


def refusal_when_there(url: URL) -> str:
    """The refusal of what takes a moment to listen."""
    for _ in range(100):
        if "connection refused" not in (said := refusal(url)).lower():
            return said
    return said


@pytest.mark.parametrize(("limit", "told"), [(0, "too many connections"), (2, "2 connections"), (9, "9 ")])
def test_a_role_whose_connections_are_too_few_is_refused_with_the_limit_and_leaves_no_database(
    server: Server, limit: int, told: str
) -> None:
    before = databases(server)
    with role(server, "counted", f"CREATEDB CONNECTION LIMIT {limit}") as url:
        said = refusal(url)

    assert told in said
    assert "CONNECTION LIMIT" in said
    assert "\n" not in said
    assert databases(server) == before


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("options=-c%20statement_timeout%3D1", "raise statement_timeout"),
        ("foo=bar", "correct the words behind the ?"),
        ("service=nosuch", "name a service that PGSERVICEFILE"),
        ("target_session_attrs=read-only", "a server that fits target_session_attrs"),
    ],
)
def test_what_a_url_asks_for_in_vain_is_told_with_its_own_remedy(
    shared: str, query: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as refused:
        server_module.check_usable(make_url(f"{shared}?{query}"))

    assert remedy in str(refused.value)
    assert "\n" not in str(refused.value)
