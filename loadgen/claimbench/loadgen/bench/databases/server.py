"""A PostgreSQL server to work on, and what a report must know about it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from enum import StrEnum

import psycopg
from sqlalchemy import URL

from claimbench.errors import UsageError
from claimbench.loadgen.bench.databases.connecting import (
    TIME_LIMITS,
    connect,
    explained,
    without_password,
)

OLDEST_VERSION = 140_000
"""`DROP DATABASE … WITH (FORCE)` came with 13, `toplevel` in pg_stat_statements with 14."""

LEAST_CONNECTIONS = 20
"""What a run holds at once, the harness and an arm whose pool is full."""


class ServerKind(StrEnum):
    """Who started the server: our launcher, a container engine, or somebody else."""

    EMBEDDED = "embedded"
    CONTAINER = "container"
    URL = "url"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The settings that a number depends on, in the server's own words."""

    server_version: str
    server_version_num: int
    fsync: str
    synchronous_commit: str
    full_page_writes: str
    wal_level: str
    shared_buffers: str
    work_mem: str
    max_connections: str
    jit: str
    autovacuum: str
    track_io_timing: str
    extensions: str
    """Names of the extensions that could be created, those that matter to us, comma-separated."""
    pg_stat_statements: bool
    """Whether the server counts executions for us; without it only the client counts."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers, on which our role may create databases.

    `admin_url` leads to a database that is not ours: it is connected to, never written to. `counters_url`
    leads to a database that we made, where pg_stat_statements can be read. Both hold the password; their
    text hides it.
    """

    kind: ServerKind
    description: str
    admin_url: URL
    counters_url: URL
    run_key: str
    facts: ServerFacts
    storage: str
    """Where its files are: disk, memory, or the words for what we do not know."""
    restarter: Callable[[], None] | None = None
    """Where the server is ours alone: cuts every connection and starts it anew; returns when it answers."""

    def restart(self) -> None:
        """Restart it. Raises `UsageError` when others may be using it."""
        if self.restarter is None:
            raise UsageError(
                f"{self.description} cannot be restarted from here",
                where="--database",
                remedy="use --database embedded",
            )
        self.restarter()

    @property
    def disposable(self) -> bool:
        """Whether all that is on it goes with it: then nothing needs to be dropped one by one."""
        return self.kind is ServerKind.EMBEDDED

    def settings(self) -> dict[str, str | int | bool]:
        """The facts as flat pairs for a result's environment record."""
        return {**asdict(self.facts), "storage": self.storage}


_SHOWN = tuple(
    field.name
    for field in fields(ServerFacts)
    if field.name not in {"extensions", "pg_stat_statements", "server_version_num"}
)
_EXTENSIONS = ("auto_explain", "pg_buffercache", "pg_prewarm", "pg_stat_statements", "pgstattuple")


def read_facts(connection: psycopg.Connection) -> ServerFacts:
    """Read the facts; `pg_stat_statements` says whether this database can query it."""
    shown = {name: _show(connection, name) for name in _SHOWN}
    available = connection.execute(
        "SELECT name FROM pg_available_extensions WHERE name = ANY(%s) ORDER BY name", [list(_EXTENSIONS)]
    )
    return ServerFacts(
        **shown,
        server_version_num=connection.info.server_version,
        extensions=",".join(name for (name,) in available),
        pg_stat_statements=_statements_can_be_read(connection),
    )


def check_usable(url: URL) -> None:
    """Refuse, in one line, a server that is too old, not UTF8, or where we may not create databases."""
    with connect(url) as connection, explained(url):
        version = connection.info.server_version
        if version < OLDEST_VERSION:
            raise UsageError(
                f"PostgreSQL {version // 10_000} is too old",
                where=without_password(url),
                remedy="use 14 or newer",
            )
        if (encoding := _show(connection, "server_encoding")) != "UTF8":
            raise UsageError(
                f"the server's encoding is {encoding}",
                where=without_password(url),
                remedy="use a database whose encoding is UTF8",
            )
        _check_right(connection, url)
        _check_direct(connection, url)
        _check_connections(connection, url)
        _check_writable(connection, url)


def time_limits(url: URL) -> str:
    """What ends a statement or a session of this role, such as `statement_timeout=1s`; or nothing."""
    with connect(url) as connection, explained(url):
        found = connection.execute(
            "SELECT name || '=' || reset_val || coalesce(unit, '') FROM pg_settings "
            "WHERE name = ANY(%s) AND reset_val <> '0' ORDER BY name",
            [list(TIME_LIMITS)],
        )
        return ", ".join(told for (told,) in found)


def _check_direct(connection: psycopg.Connection, url: URL) -> None:
    """The server process told us its number when we connected; through a pooler another one answers."""
    found = connection.execute("SELECT pg_backend_pid()").fetchone()
    if found and found[0] != _process_number(connection):
        raise UsageError(
            "a connection pooler (PgBouncer or one like it) stands before the server, so databases cannot be "
            "made, cloned and dropped, nor round trips counted",
            where=without_password(url),
            remedy="give the URL of the PostgreSQL server itself",
        )


def _check_connections(connection: psycopg.Connection, url: URL) -> None:
    """A limit that is met in the middle of a run would be taken for the arm's fault."""
    found = connection.execute(
        "SELECT rolconnlimit, (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user) - 1 "
        "FROM pg_roles WHERE rolname = current_user AND NOT rolsuper"
    ).fetchone()
    if found and found[0] >= 0 and found[0] - found[1] < LEAST_CONNECTIONS:
        others = f", of which {found[1]} are in use" if found[1] else ""
        raise UsageError(
            f"this role may hold {found[0]} connections{others}, and a run needs {LEAST_CONNECTIONS}",
            where=without_password(url),
            remedy="allow the role more connections (ALTER ROLE … CONNECTION LIMIT), or use another role",
        )


def _process_number(connection: psycopg.Connection) -> int:
    """Which server process we were told that we talk to."""
    return connection.info.backend_pid


def _check_writable(connection: psycopg.Connection, url: URL) -> None:
    found = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    if found and found[0]:
        raise UsageError(
            "the server is a standby (in recovery), which cannot be written to",
            where=without_password(url),
            remedy="give the URL of the primary",
        )
    if _show(connection, "default_transaction_read_only") == "on":
        raise UsageError(
            "default_transaction_read_only is on for this role, database or URL",
            where=without_password(url),
            remedy="turn it off (ALTER ROLE … SET default_transaction_read_only = off), or use another role",
        )
    path = _show(connection, "search_path")
    if "public" not in [name.strip() for name in path.replace('"public"', "public").split(",")]:
        raise UsageError(
            f"search_path is {path!r} for this role, database or URL: a new database has only public",
            where=without_password(url),
            remedy="reset it (ALTER ROLE … RESET search_path), or use another role",
        )


def _check_right(connection: psycopg.Connection, url: URL) -> None:
    found = connection.execute(
        "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if not found or not found[0]:
        raise UsageError(
            "this role may not create databases",
            where=without_password(url),
            remedy="ALTER ROLE … CREATEDB, or use another role",
        )


def _show(connection: psycopg.Connection, name: str) -> str:
    found = connection.execute("SELECT current_setting(%s, true)", [name]).fetchone()
    return str(found[0]) if found and found[0] is not None else "unknown"


def _statements_can_be_read(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM pg_stat_statements LIMIT 1").fetchone()
    except psycopg.Error:
        return False
    return True
