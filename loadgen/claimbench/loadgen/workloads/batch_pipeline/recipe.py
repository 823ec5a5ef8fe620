"""The batch pipeline's databases: the schema, the seeded rows, and the hash over what decides them."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict

import psycopg
from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable

from claimbench.impl.indexes import DOCUMENT_INDEXES, IndexSet
from claimbench.impl.schema import Base
from claimbench.loadgen.workloads.batch_pipeline import seeding
from claimbench.loadgen.workloads.port import Recipe
from claimbench.reports.record.values import Scalar
from claimbench.scenarios.model import BatchDataset

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_ORDER = (PrimaryKeyConstraint, UniqueConstraint, CheckConstraint, ForeignKeyConstraint)
"""A foreign key needs the primary key that it points at."""


def recipe(dataset: BatchDataset, *, companies: int, indexes: IndexSet) -> Recipe:
    """The tables, filled for so many active companies, with or without the document's indexes."""

    def fill(connection: psycopg.Connection) -> Mapping[str, Scalar]:
        with connection.transaction():
            _execute_all(connection, table_statements())
            seeded = seeding.seed(connection, dataset, companies=companies)
            _execute_all(connection, constraint_statements())
            _execute_all(connection, index_statements(indexes))
        return {"seed": dataset.seed, **asdict(seeded)}

    return Recipe(content_hash(dataset, companies, indexes), fill)


def _execute_all(connection: psycopg.Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def content_hash(dataset: BatchDataset, companies: int, indexes: IndexSet) -> str:
    """SHA-256 over all that decides what a template holds."""
    parts = (
        *table_statements(),
        *constraint_statements(),
        *index_statements(indexes),
        dataset.model_dump_json(by_alias=True),
        str(companies),
        seeding.version(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def table_statements() -> tuple[str, ...]:
    """CREATE TABLE with columns only: keys and checks come after the rows, which is faster."""
    return tuple(_bare(table) for table in Base.metadata.sorted_tables)


def constraint_statements() -> tuple[str, ...]:
    """ALTER TABLE … ADD for every constraint, in an order that works."""
    constraints = [one for table in Base.metadata.sorted_tables for one in table.constraints]
    return tuple(_added(one) for one in sorted(constraints, key=_rank))


def index_statements(indexes: IndexSet) -> tuple[str, ...]:
    """CREATE INDEX for the schema's own indexes, and for the document's three when they are asked for."""
    found: list[Index] = [index for table in Base.metadata.sorted_tables for index in table.indexes]
    own = (str(CreateIndex(index).compile(dialect=_DIALECT)) for index in sorted(found, key=_name))
    document = (index.create_sql for index in DOCUMENT_INDEXES if indexes is IndexSet.AFTER)
    return (*own, *document)


def _bare(table: Table) -> str:
    compiler = _DIALECT.ddl_compiler(_DIALECT, CreateTable(table))
    specify = compiler.get_column_specification
    columns = ", ".join(specify(column) for column in table.columns)  # type: ignore[no-untyped-call]  # as above
    return f"CREATE TABLE {table.name} ({columns})"


def _added(constraint: Constraint) -> str:
    # Isolating would take the constraint out of the schema's own CREATE TABLE for the rest of the process.
    return str(AddConstraint(constraint, isolate_from_table=False).compile(dialect=_DIALECT))


def _rank(constraint: Constraint) -> tuple[int, str]:
    return _ORDER.index(type(constraint)), _added(constraint)


def _name(index: Index) -> str:
    return str(index.name)
