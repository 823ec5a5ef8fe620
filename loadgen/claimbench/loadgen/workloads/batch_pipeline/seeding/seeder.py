"""Seed the tables of a database through COPY BINARY, the fastest way in that one connection has."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from claimbench.impl.schema import BatchRequest, Company, Message, ProcessingRequest, Session
from claimbench.loadgen.workloads.batch_pipeline.seeding import rows
from claimbench.loadgen.workloads.batch_pipeline.seeding.plan import Era, Plan, make_plan
from claimbench.loadgen.workloads.batch_pipeline.seeding.pools import FAKER_VERSION, make_pools
from claimbench.loadgen.workloads.batch_pipeline.seeding.rows import Row, Seed
from claimbench.scenarios.model import BatchDataset

VERSION = 2
"""Raise it whenever the same dataset gives other rows than before."""


@dataclass(frozen=True, slots=True)
class SeededCounts:
    """How many of what was written; requests by state, `pending` of active companies only."""

    companies: int
    active_companies: int
    sessions: int
    messages: int
    pending: int
    pending_inactive: int
    failed: int
    history: int


@dataclass(frozen=True, slots=True)
class SeededTable:
    """A table, the types of its columns for COPY BINARY, and what makes its rows."""

    name: str
    types: tuple[str, ...]
    rows: Callable[[Seed], Iterator[Row]]


_CLAIM = ("timestamptz", "uuid")

TABLES = (
    SeededTable(Company.__tablename__, ("int8", "text", "text", "timestamptz"), rows.company_rows),
    SeededTable(
        Session.__tablename__,
        ("int8", "int8", "timestamptz", *("text",) * 4),
        rows.session_rows,
    ),
    SeededTable(Message.__tablename__, ("int8", "int8", "int4", "text", "text"), rows.message_rows),
    SeededTable(
        BatchRequest.__tablename__,
        ("int8", "int8", *("text",) * 5, "int8", *("text",) * 4, *_CLAIM, *("timestamptz",) * 3),
        rows.batch_rows,
    ),
    SeededTable(
        ProcessingRequest.__tablename__,
        (
            "int8",
            "int8",
            "text",
            "text",
            "text",
            "int8",
            "int4",
            "int4",
            "int4",
            "numeric",
            "text",
            "timestamptz",
            *_CLAIM,
            "timestamptz",
        ),
        rows.request_rows,
    ),
)


def version() -> str:
    """What decides about the rows beside the dataset: this code and the words that Faker knows."""
    return f"seeding {VERSION}, faker {FAKER_VERSION}"


def seed(connection: psycopg.Connection, dataset: BatchDataset, *, companies: int) -> SeededCounts:
    """Fill the tables, which the transaction must have created, for `companies` active companies.

    Sequences go on after the last id. The same dataset gives the same rows on every machine and Python
    version.
    """
    planned = make_seed(dataset, companies)
    written = {table.name: _copy(connection, table, table.rows(planned)) for table in TABLES}
    return _counts(planned.plan, written[Message.__tablename__])


def make_seed(dataset: BatchDataset, companies: int) -> Seed:
    """Plan the rows and make the pools, without any database."""
    longest = max(dataset.characters_per_message.high, rows.HISTORY_CHARACTERS.high)
    return Seed(dataset, make_plan(dataset, companies), make_pools(dataset.seed, longest=longest))


def _copy(connection: psycopg.Connection, table: SeededTable, made: Iterable[Row]) -> int:
    name = sql.Identifier(table.name)
    with connection.cursor() as cursor:
        # Frozen rows need no second visit by VACUUM; allowed because this transaction made the table.
        with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY, FREEZE)").format(name)) as copy:
            copy.set_types(table.types)
            write = copy.write_row
            for row in made:
                write(row)
        written = cursor.rowcount
        cursor.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), {}, {})").format(
                sql.Literal(table.name), sql.Literal(max(written, 1)), sql.Literal(written > 0)
            )
        )
    return written


def _counts(plan: Plan, messages: int) -> SeededCounts:
    active = [company for company in plan.companies if company.active]
    return SeededCounts(
        companies=len(plan.companies),
        active_companies=len(active),
        sessions=len(plan.sessions),
        messages=messages,
        pending=sum(company.pending for company in active),
        pending_inactive=sum(company.pending for company in plan.companies if not company.active),
        failed=sum(session.era is Era.FAILED for session in plan.sessions),
        history=sum(session.era is Era.HISTORY for session in plan.sessions),
    )
