"""Where databases are made: a template is seeded once and sealed, clones are made of it and dropped."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import URL

from claimbench.loadgen.bench.databases import kept_templates
from claimbench.loadgen.bench.databases.connecting import connect, explained
from claimbench.loadgen.bench.databases.ownership import Ownership, reconnected
from claimbench.loadgen.bench.databases.server import Server, ServerKind
from claimbench.loadgen.bench.databases.template import Template
from claimbench.loadgen.workloads.port import Recipe
from claimbench.reports.record.values import Scalar

_NUMBERS = itertools.count(1)
"""Names are the run's, and a run may have several workshops."""

SPENT_BYTES = 1 << 30
"""A server that ends with its workshop may hold this much of clones that nobody needs any more."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """What a recipe says of the database that it has filled, and that database's size."""

    facts: Mapping[str, Scalar]
    bytes: int


class Workshop:
    """Makes, clones and drops databases on a server, and none that it did not make.

    A context manager: at its end everything that it made is dropped, but for large templates that are kept
    for later runs, unless the server is `disposable`:
    its files go when it ends, right after the workshop, and a drop costs a checkpoint each. Errors of the
    server become `InvalidMeasurementError` (disk full, connection lost) or `UsageError`, in one line.
    """

    def __init__(self, server: Server, *, disposable: bool = False) -> None:
        self.server = server
        self._disposable = disposable
        self._spent: dict[str, int] = {}
        self._owner = Ownership(
            server.admin_url,
            server.run_key,
            datetime.now(UTC).replace(microsecond=0),
            connect(server.admin_url),
        )
        self._templates: dict[str, Template] = {}
        self._keeps = server.kind is ServerKind.URL and not disposable

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._disposable:
            self.drop_everything()
            self.forget_statements()
        self._owner.holder.close()

    def template(self, recipe: Recipe) -> Template:
        """The sealed template of this recipe; made once per workshop.

        A large one is kept on a server that lives on, and found there by later runs.
        """
        if recipe.digest not in self._templates:
            with explained(self.server.admin_url):
                found = kept_templates.found(self._owner.holder, recipe.digest) if self._keeps else None
                self._templates[recipe.digest] = found or self._made(recipe)
        return self._templates[recipe.digest]

    def _made(self, recipe: Recipe) -> Template:
        """A new template; kept where it pays, for which older ones may have to go."""
        template = self._make(recipe)
        if not self._keeps or template.bytes < kept_templates.KEPT_FROM_BYTES:
            return template
        kept = kept_templates.keep(self._owner.holder, template)
        kept_templates.evict(self._owner.holder)
        return kept

    @contextmanager
    def clone(self, template: Template) -> Iterator[URL]:
        """A fresh copy of the template's database.

        Yields its URL, drops it at the end whoever is connected; on a disposable server once there are many.
        """
        name = self._owner.create(f"clone_{next(_NUMBERS)}", options=self._like(template.name))
        try:
            yield self.server.admin_url.set(database=name)
        finally:
            self._spent[name] = template.bytes
            if not self._disposable or sum(self._spent.values()) > SPENT_BYTES:
                with explained(self.server.admin_url):
                    self._owner = reconnected(self._owner)  # the server may have been restarted meanwhile
                    self._drop_spent()

    def forget_statements(self, *clones: URL) -> None:
        """Have pg_stat_statements, whose room is bounded, let go of these clones and of what was dropped."""
        if self.server.facts.pg_stat_statements:
            self._owner.forget_statements(self.server.counters_url, [str(each.database) for each in clones])

    def checkpoint(self) -> None:
        """Write all dirty pages now, so that no later checkpoint falls into a measurement.

        Without the right to (a role that is neither superuser nor pg_checkpoint), nothing happens.
        """
        with explained(self.server.admin_url):
            try:
                self._owner.holder.execute("CHECKPOINT")
            except psycopg.errors.InsufficientPrivilege:
                return

    def drop_everything(self) -> None:
        """Drop all templates and clones of this workshop; templates are made anew when asked for again."""
        with explained(self.server.admin_url):
            for template in self._templates.values():
                if template.name != kept_templates.name_of(template.digest):
                    self._owner.drop(template.name)
        self._templates.clear()

    def _drop_spent(self) -> None:
        while self._spent:
            name, _ = self._spent.popitem()
            self._owner.drop(name)

    def _make(self, recipe: Recipe) -> Template:
        draft = self._owner.create(f"draft_{next(_NUMBERS)}")
        try:
            with connect(self.server.admin_url.set(database=draft)) as connection:
                filled = _filled(connection, recipe)
            name = self._sealed(draft, recipe.digest)
        except BaseException:
            with suppress(psycopg.Error):  # what went wrong first is what matters
                self._owner.drop(draft)
            raise
        return Template(name, recipe.digest, filled.facts, filled.bytes)

    def _like(self, template: str) -> sql.Composed:
        copied = sql.SQL("TEMPLATE {}").format(sql.Identifier(template))
        # Copying through the log needs no checkpoints, which cost more than the copy; 14 knows no choice.
        return copied + sql.SQL(
            " STRATEGY WAL_LOG" if self.server.facts.server_version_num >= 150_000 else ""
        )

    def _sealed(self, draft: str, digest: str) -> str:
        """Rename as the last step: a name with a hash is never a half-made database."""
        name = self._owner.name(f"template_{digest[:12]}_{next(_NUMBERS)}")
        steps = (
            "ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false",
            "ALTER DATABASE {} RENAME TO {}",
        )
        for step in steps:
            arguments = [sql.Identifier(draft), sql.Identifier(name)]
            self._owner.holder.execute(sql.SQL(step).format(*arguments))
        return name


def _filled(connection: psycopg.Connection, recipe: Recipe) -> _Filled:
    facts = recipe.fill(connection)
    _settle(connection)
    found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return _Filled(facts, int(found[0]) if found else 0)


def _settle(connection: psycopg.Connection) -> None:
    """Statistics and visibility as after a night's vacuum; none comes later by itself."""
    tables = connection.execute(
        "SELECT schemaname, relname FROM pg_stat_user_tables ORDER BY schemaname, relname"
    ).fetchall()
    for schema, table in tables:
        off = sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = false)")
        connection.execute(off.format(sql.Identifier(schema, table)))
    connection.execute("VACUUM (ANALYZE)")
