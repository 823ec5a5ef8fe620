"""What code left in the database: a digest of each table's rows, through the server itself."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from claimbench.errors import UsageError
from claimbench.loadgen.probes.drivers.psycopg3 import OURS
from claimbench.loadgen.yours.watching import Seen

_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t'
ORDER BY 1, 2
"""
_DIGEST = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {} AS t"
_FIXED = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1"

Tables = Mapping[str, tuple[int, int]]
"""Rows of each table, and the sum of their hashes, which no order changes."""


def read_tables(conninfo: str) -> Tables:
    """All tables of the database, as others see them: what is committed."""
    with psycopg.connect(conninfo, autocommit=True, application_name=OURS) as connection:
        connection.execute(_FIXED)
        found: dict[str, tuple[int, int]] = {}
        for schema, name in connection.execute(_TABLES).fetchall():
            row: Any = connection.execute(sql.SQL(_DIGEST).format(sql.Identifier(schema, name))).fetchone()
            found[f"{schema}.{name}"] = (int(row[0]), int(row[1]))
    return found


def tables_differ(old: Tables, new: Tables) -> list[str]:
    """A sentence for each table whose rows differ."""
    told = []
    for name in sorted({*old, *new}):
        before, after = old.get(name, (0, 0)), new.get(name, (0, 0))
        if before != after:
            rows = f"{before[0]} rows with the old, {after[0]} with the new"
            told.append(f"table {name}: {rows}" if before[0] != after[0] else f"table {name}: other rows")
    return told


def check_unwritten(seen: Seen, name: str) -> None:
    """`UsageError` when the function wrote: the other one would start from another database."""
    for sent in seen.sent:
        if sent.writes:
            raise UsageError(
                f"it writes ({sent.text[:80]})",
                where=f"assert_same_work, {name}",
                remedy="give reset=, which brings the database to where both start",
            )
