"""Large templates outlive their run on a server that lives on, so that a million rows are seeded once.

Such a template is named by the hash of what it holds; its comment says the rest, and when it was used last.
Who uses one holds a shared lock of its name, so that nobody else drops it meanwhile. Those that nobody has
used for long go, and the oldest of them when together they take too much room.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from claimbench.loadgen.bench.databases.ownership import PREFIX, drop_database
from claimbench.loadgen.bench.databases.template import Template

KEPT_FROM_BYTES = 200_000_000
"""Smaller ones are seeded again in less time than it takes to wonder why they are there."""
KEPT_BYTES = 20_000_000_000
KEPT_FOR = timedelta(days=14)
LOCK_CLASS = 0x0C1A14
_NAME = f"{PREFIX}kept_"
_MARK = "claimbench template "


@dataclass(frozen=True, slots=True)
class KeptTemplate:
    """A template that outlived its run, and when somebody used it last."""

    template: Template
    used_at: datetime


def name_of(digest: str) -> str:
    """The name of the database that holds what has this hash."""
    return f"{_NAME}{digest[:40]}"


def found(connection: psycopg.Connection, digest: str) -> Template | None:
    """The kept template of this hash, held until the connection ends; None where there is none."""
    _hold(connection, digest)
    for kept in _all(connection):
        if kept.template.digest == digest:
            _mark(connection, kept.template)
            return kept.template
    _let_go(connection, digest)
    return None


def keep(connection: psycopg.Connection, template: Template) -> Template:
    """Rename a sealed template, so that later runs find it; as it was if another run was quicker."""
    kept = Template(name_of(template.digest), template.digest, template.facts, template.bytes)
    _hold(connection, template.digest)
    renaming = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    try:
        connection.execute(renaming.format(sql.Identifier(template.name), sql.Identifier(kept.name)))
    except psycopg.errors.DuplicateDatabase:
        _let_go(connection, template.digest)
        return template
    _mark(connection, kept)
    return kept


def evict(connection: psycopg.Connection) -> tuple[str, ...]:
    """Drop what is old, and the oldest of what is too much, unless somebody uses it; the names."""
    dropped, room, oldest = [], KEPT_BYTES, datetime.now(UTC) - KEPT_FOR
    for kept in sorted(_all(connection), key=lambda one: one.used_at, reverse=True):
        room -= kept.template.bytes
        if (room < 0 or kept.used_at < oldest) and _is_free(connection, kept.template.digest):
            drop_database(connection, kept.template.name)
            dropped.append(kept.template.name)
            _unlock(connection, kept.template.digest)
    return tuple(dropped)


def _all(connection: psycopg.Connection) -> Iterator[KeptTemplate]:
    rows = connection.execute(
        "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database "
        "WHERE starts_with(datname, %s) AND datistemplate AND pg_get_userbyid(datdba) = current_user",
        [_NAME],
    ).fetchall()
    for name, mark in rows:
        with suppress(ValueError, KeyError, TypeError):  # a comment that is none of ours
            told = json.loads((mark or "").removeprefix(_MARK))
            template = Template(name, told["digest"], told["facts"], told["bytes"])
            if name == name_of(template.digest):
                yield KeptTemplate(template, datetime.fromisoformat(told["used_at"]))


def _mark(connection: psycopg.Connection, kept: Template) -> None:
    told = {
        "digest": kept.digest,
        "facts": dict(kept.facts),
        "bytes": kept.bytes,
        "used_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = _MARK + json.dumps(told)
    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(kept.name), text))


def _key(digest: str) -> int:
    return int(digest[:7], 16)


def _hold(connection: psycopg.Connection, digest: str) -> None:
    connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", [LOCK_CLASS, _key(digest)])


def _let_go(connection: psycopg.Connection, digest: str) -> None:
    connection.execute("SELECT pg_advisory_unlock_shared(%s, %s)", [LOCK_CLASS, _key(digest)])


def _is_free(connection: psycopg.Connection, digest: str) -> bool:
    """Whether nobody else holds it; then it is locked."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, _key(digest)]).fetchone()
    return bool(row and row[0])


def _unlock(connection: psycopg.Connection, digest: str) -> None:
    connection.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_CLASS, _key(digest)])
