"""Whose database is it: every run marks what it creates, and drops only what is its own or a dead run's.

A run has a key of eight hexadecimal digits. Its databases are named `claimbench_<key>_…` and carry a
comment that repeats the key and the time. While it lives, the run holds an advisory lock of that key,
which the server lets go when the run's connection ends, however it ended. A later run drops a database
of an earlier one only when name and comment agree, nobody holds the lock, nobody is connected, and it is
older than the grace.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql
from sqlalchemy import URL

from claimbench.errors import ClaimbenchError
from claimbench.loadgen.bench.databases.connecting import connect, explained

PREFIX = "claimbench_"
LOCK_CLASS = 0x0C1A13
"""The first half of our advisory locks' keys; the run's key is the second."""
GRACE = timedelta(hours=1)
"""A run whose connection was cut may still be working on its databases: wait this long before dropping."""

PRISTINE = sql.SQL("TEMPLATE template0")
"""Not template1: on a shared server that may hold anything."""

_MARK = re.compile(r"claimbench run ([0-9a-f]{8}) since (\S+)")


@dataclass(frozen=True, slots=True)
class Ownership:
    """A living run on a server: its key, and the connection that holds its lock."""

    url: URL
    key: str
    since: datetime
    holder: psycopg.Connection
    dropped: list[int] = field(default_factory=list)
    """The numbers of the databases that were dropped."""

    def name(self, purpose: str) -> str:
        """The name of one of this run's databases."""
        return f"{PREFIX}{self.key}_{purpose}"

    def create(self, purpose: str, *, options: sql.SQL | sql.Composed = PRISTINE) -> str:
        """Create and mark a database; return its name. What the server cannot do is told in one line."""
        name = self.name(purpose)
        with explained(self.url):
            self.holder.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), options))
            self.mark(name)
        return name

    def mark(self, name: str) -> None:
        """Write into a database's comment whose it is."""
        comment = f"claimbench run {self.key} since {self.since.isoformat()}"
        self.holder.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), comment))

    def drop(self, name: str) -> None:
        """Drop a database of this run, with whoever is still connected to it."""
        if not name.startswith(self.name("")):
            raise ValueError(f"{name} is not a database of run {self.key}")
        found = self.holder.execute("SELECT oid FROM pg_database WHERE datname = %s", [name]).fetchone()
        drop_database(self.holder, name)
        self.dropped.extend(found or ())

    def forget_statements(self, counters: URL, standing: Sequence[str] = ()) -> None:
        """Have pg_stat_statements let go of the dropped databases, whose entries it keeps by itself.

        counters: a database that can read it. standing: names of databases that are there still, but done
        with.
        Where the role may not reset them (a superuser's right unless it is granted), the entries stay.
        """
        with suppress(ClaimbenchError, psycopg.Error), connect(counters) as connection:
            connection.execute(
                "SELECT pg_stat_statements_reset(0::oid, dbid, 0::bigint) FROM (SELECT unnest(%s::oid[]) "
                "UNION SELECT oid FROM pg_database WHERE datname = ANY (%s)) AS done (dbid)",
                [self.dropped, list(standing)],
            )
            self.dropped.clear()

    def drop_everything(self) -> None:
        """Drop every database of this run."""
        with explained(self.url):
            for name in _names(self.holder, self.name("")):
                self.drop(name)


@contextmanager
def owned(url: URL, *, disposable: bool = False) -> Iterator[Ownership]:
    """Be a run on this server; at the end all of the run's databases are dropped.

    On a `disposable` server they are not: they go with it.
    """
    key = secrets.token_hex(4)
    with connect(url) as holder:
        holder.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, _signed(key)])
        ownership = Ownership(url, key, datetime.now(UTC).replace(microsecond=0), holder)
        try:
            yield ownership
        finally:
            if not disposable:
                _drop_all(ownership)


def _drop_all(ownership: Ownership) -> None:
    with suppress(ClaimbenchError):  # the server may be what failed: its error is on its way already
        reconnected(ownership).drop_everything()


def reconnected(ownership: Ownership) -> Ownership:
    """The same run, on another connection if its own was lost, as in a restart of the server."""
    try:
        ownership.holder.execute("SELECT 1")
    except psycopg.OperationalError:
        return replace(ownership, holder=connect(ownership.url))
    return ownership


def drop_database(connection: psycopg.Connection, name: str) -> None:
    """Drop a database of ours, sealed or not, with whoever is still connected to it."""
    identifier = sql.Identifier(name)
    connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(identifier))
    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def sweep(connection: psycopg.Connection, *, grace: timedelta = GRACE) -> tuple[str, ...]:
    """Drop what dead runs left on a shared server; return the names.

    See the module for what counts as dead.
    """
    found = connection.execute(
        "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database "
        "WHERE starts_with(datname, %s) AND pg_get_userbyid(datdba) = current_user ORDER BY datname",
        [PREFIX],
    ).fetchall()
    dead = [name for name, mark in found if mark and _is_dead(connection, name, mark, grace)]
    for name in dead:
        drop_database(connection, name)
    return tuple(dead)


def _is_dead(connection: psycopg.Connection, name: str, mark: str, grace: timedelta) -> bool:
    matched = _MARK.fullmatch(mark)
    if not matched or not name.startswith(f"{PREFIX}{matched[1]}_"):
        return False
    if datetime.now(UTC) - datetime.fromisoformat(matched[2]) < grace:
        return False
    alive = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = %s "
        "AND objid::bigint = %s) OR EXISTS (SELECT FROM pg_stat_activity WHERE datname = %s)",
        [LOCK_CLASS, int(matched[1], 16), name],
    ).fetchone()
    return alive is not None and not alive[0]


def _names(connection: psycopg.Connection, prefix: str) -> list[str]:
    found = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
    return [name for (name,) in found.fetchall()]


def _signed(key: str) -> int:
    number = int(key, 16)
    return number - (1 << 32) if number >= 1 << 31 else number
