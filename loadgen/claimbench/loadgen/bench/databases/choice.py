"""Which server to work on: the user's, a container, or an embedded one; `auto` chooses and says why."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from claimbench.errors import UsageError
from claimbench.loadgen.bench.databases import ownership
from claimbench.loadgen.bench.databases.connecting import DRIVER, connect, without_password
from claimbench.loadgen.bench.databases.embedded import embedded_server
from claimbench.loadgen.bench.databases.server import (
    Server,
    ServerFacts,
    ServerKind,
    check_usable,
    read_facts,
    time_limits,
)
from claimbench.loadgen.bench.databases.settings import Setting
from claimbench.loadgen.commands.surroundings import VARIABLE, forget_other_servers
from claimbench.loadgen.processes.ending import unwound_when_told

if TYPE_CHECKING:
    from claimbench.loadgen.bench.databases import container

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided: the kind, why, and what that kind needs."""

    kind: ServerKind
    why: str
    url: URL | None = None
    engine: "container.Engine | None" = None


@contextmanager
def open_server(
    choice: str = "auto",
    *,
    announce: Announce,
    settings: tuple[Setting, ...] = (),
    in_memory: bool = False,
) -> Iterator[Server]:
    """Open the server of `choice`: auto, container, embedded, or a postgresql:// URL.

    `settings` are for an embedded one, beside our own; with `in_memory` that keeps its files there, if there
    is room.

    One line to `announce` names the server and says why it was taken; a second one, if need be, says what it
    lacks. Everything created on it is dropped at the end, on Ctrl-C and on SIGTERM too. Raises
    `UsageError` for a choice that cannot be used, `InvalidMeasurementError` when our own server does not
    start.
    """
    forget_other_servers(choice)
    decided = decide(choice, announce)
    with unwound_when_told(), ExitStack() as stack:
        started = stack.enter_context(_started(decided, settings, in_memory=in_memory))
        server = stack.enter_context(_opened(decided, started))
        announce(f"database: {server.description}, {without_password(started.url)} ({decided.why})")
        if not server.facts.pg_stat_statements:
            announce("database: pg_stat_statements is missing, so only the client counts executions")
        if limited := time_limits(started.url):
            announce(f"database: {limited} of this role or database holds for the arms, not for the harness")
        yield server


def decide(choice: str, announce: Announce) -> Choice:
    """Turn the words of `--database` into a decision; what takes long is announced."""
    if choice == "embedded":
        return Choice(ServerKind.EMBEDDED, "asked for")
    if choice == "container":
        from claimbench.loadgen.bench.databases import container  # noqa: PLC0415 (its client is of an extra)

        return Choice(ServerKind.CONTAINER, "asked for", engine=container.required_engine(announce))
    if choice == "auto":
        return _automatic(announce)
    return Choice(ServerKind.URL, "asked for", url=parse_url(choice, where="--database"))


def _automatic(announce: Announce) -> Choice:
    if given := os.environ.get(VARIABLE):
        return Choice(ServerKind.URL, f"{VARIABLE} is set", url=parse_url(given, where=VARIABLE))
    if find_spec("testcontainers") is None:
        return Choice(ServerKind.EMBEDDED, "without claimbench[report] no container is looked for")
    from claimbench.loadgen.bench.databases import container  # noqa: PLC0415 (its client is of an extra)

    found = container.find_engine(container.PATIENCE_S, announce)
    if isinstance(found, container.Engine):
        return Choice(ServerKind.CONTAINER, f"a container engine answers and has {found.image}", engine=found)
    return Choice(ServerKind.EMBEDDED, found.reason)


def parse_url(text: str, *, where: str) -> URL:
    """A PostgreSQL URL, whatever driver it names, read as libpq does: `%20` is a space and `+` is a plus.

    `UsageError` for anything else, never repeating a password.
    """
    place, mark, query = text.partition("?")
    if place.count("@") > 1:
        raise UsageError(
            "the URL has more than one @",
            where=where,
            remedy="encode special characters of user and password: @ as %40, / as %2F, ? as %3F, # as %23",
        )
    host = place.partition("://")[2].rpartition("@")[2].partition("/")[0]
    if "," in host or query.count("host=") > 1:
        raise UsageError(
            "the URL names several hosts", where=where, remedy="name the one server that is to be measured"
        )
    try:
        url = make_url(place + mark + query.replace("+", "%2B"))
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername.partition("+")[0] not in {"postgresql", "postgres"}:
        raise UsageError(
            "this is neither auto, container, embedded nor a PostgreSQL URL",
            where=where,
            remedy="write postgresql://user:password@host:5432/database",
        )
    # The run speaks UTF-8 whatever role and URL say: see forget_other_servers.
    spoken = url.difference_update_query(["client_encoding"])
    return spoken.set(drivername=DRIVER, database=url.database or "postgres")


@dataclass(frozen=True, slots=True)
class _Started:
    """A server that answers, and how it is restarted, if that is for us to do."""

    url: URL
    storage: str
    restarter: Callable[[], None] | None = None


@contextmanager
def _started(decided: Choice, settings: tuple[Setting, ...], *, in_memory: bool) -> Iterator[_Started]:
    if decided.url is not None:
        check_usable(decided.url)
        yield _Started(decided.url, "the server's own")
    elif decided.engine is not None:
        from claimbench.loadgen.bench.databases import container  # noqa: PLC0415 (its client is of an extra)

        with container.container_server(decided.engine) as url:
            yield _Started(url, "the container's own")
    else:
        with embedded_server(*settings, in_memory=in_memory) as embedded:
            yield _Started(embedded.url, embedded.storage, embedded.restart)


@contextmanager
def _opened(decided: Choice, started: _Started) -> Iterator[Server]:
    with ownership.owned(started.url, disposable=decided.kind is ServerKind.EMBEDDED) as owner:
        if decided.kind is ServerKind.URL:
            with suppress(psycopg.Error):  # what cannot be dropped now is left for its owner
                ownership.sweep(owner.holder)
        counters = _counters(started.url, owner.create("counters"))
        description = _description(decided, counters.facts.server_version)
        try:
            yield Server(
                decided.kind,
                description,
                started.url,
                counters.url,
                owner.key,
                counters.facts,
                started.storage,
                started.restarter,
            )
        finally:
            if decided.kind is ServerKind.URL and counters.facts.pg_stat_statements:
                owner.dropped.append(counters.oid)  # it is dropped next, and nothing could ask from it then
                owner.forget_statements(counters.url)


@dataclass(frozen=True, slots=True)
class _Counters:
    """Where the server's counters are read, and what was read there first."""

    url: URL
    oid: int
    facts: ServerFacts


def _counters(url: URL, name: str) -> _Counters:
    """A database of ours; the maintenance one when only that has the extension, as on managed servers."""
    counters_url = url.set(database=name)
    with connect(counters_url) as connection:
        with suppress(psycopg.Error):  # then the facts say that it is missing
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        facts = read_facts(connection)
        found = connection.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        oid = int(found[0]) if found else 0
    if not facts.pg_stat_statements:
        with connect(url) as maintenance:
            there = read_facts(maintenance)
        if there.pg_stat_statements:
            return _Counters(url, oid, there)
    return _Counters(counters_url, oid, facts)


def _description(decided: Choice, version: str) -> str:
    if decided.engine is not None:
        return f"PostgreSQL {version}, container of {decided.engine.image} ({decided.engine.digest[:19]})"
    return f"PostgreSQL {version}, {'embedded' if decided.kind is ServerKind.EMBEDDED else 'by URL'}"
