"""Seed the tables of a database through COPY BINARY, the fastest way in that one connection has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from claimbench.impl.parallel import ahead
from claimbench.impl.schema import BatchRequest, Company, Message, ProcessingRequest, Session
from claimbench.loadgen.workloads.batch_pipeline.seeding import cells, rows
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
    """A small table, the types of its columns for COPY BINARY, and what makes its rows."""

    name: str
    types: tuple[str, ...]
    rows: Callable[[Seed], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class LongTable:
    """A long table, and what makes its rows in blocks that are COPY BINARY already."""

    name: str
    blocks: Callable[[Seed], Iterator[bytes]]


_CLAIM = ("timestamptz", "uuid")

TABLES = (
    SeededTable(Company.__tablename__, ("int8", "text", "text", "timestamptz"), rows.company_rows),
    LongTable(Session.__tablename__, rows.session_blocks),
    LongTable(Message.__tablename__, rows.message_blocks),
    SeededTable(
        BatchRequest.__tablename__,
        (
            "int8",
            "int8",
            *("text",) * 5,
            "int8",
            *("text",) * 3,
            "int4",
            "int8",
            "text",
            *_CLAIM,
            *("timestamptz",) * 3,
        ),
        rows.batch_rows,
    ),
    LongTable(ProcessingRequest.__tablename__, rows.request_blocks),
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
    written = {table.name: copy(connection, table, planned) for table in TABLES}
    return _counts(planned.plan, written[Message.__tablename__])


def make_seed(dataset: BatchDataset, companies: int) -> Seed:
    """Plan the rows and make the pools, without any database."""
    longest = max(dataset.characters_per_message.high, rows.HISTORY_CHARACTERS.high)
    return Seed(dataset, make_plan(dataset, companies), make_pools(dataset.seed, longest=longest))


def copy(connection: psycopg.Connection, table: SeededTable | LongTable, planned: Seed) -> int:
    """Write one table, which the transaction must have created; the number of its rows."""
    name = sql.Identifier(table.name)
    with connection.cursor() as cursor:
        # Frozen rows need no second visit by VACUUM; allowed because this transaction made the table.
        with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY, FREEZE)").format(name)) as copy:
            if isinstance(table, SeededTable):
                copy.set_types(table.types)
                for row in table.rows(planned):
                    copy.write_row(row)
            else:
                copy.write(cells.HEADER)
                for block in ahead(table.blocks(planned)):  # to write is to wait for the server
                    copy.write(block)
                copy.write(cells.TRAILER)
        written = cursor.rowcount
        cursor.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), {}, {})").format(
                sql.Literal(table.name), sql.Literal(max(written, 1)), sql.Literal(written > 0)
            )
        )
    return written


def _counts(plan: Plan, messages: int) -> SeededCounts:
    active = [company for company in plan.companies if company.active]
    sessions = {columns.era: len(columns) for columns in plan.sessions}
    return SeededCounts(
        companies=len(plan.companies),
        active_companies=len(active),
        sessions=sum(sessions.values()),
        messages=messages,
        pending=sum(company.pending for company in active),
        pending_inactive=sum(company.pending for company in plan.companies if not company.active),
        failed=sessions[Era.FAILED],
        history=sessions[Era.HISTORY],
    )
