"""Prompts streamed from the server: one statement, a few hundred rows in memory at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row
from sqlalchemy import Engine

ROWS_AT_A_TIME = 200


def stream_rows(engine: Engine, statement: str, name: str, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Rows of a statement that takes one array of ids, in chunks as the server sends them.

    SQLAlchemy streams through a server-side cursor, a round trip for each chunk; the driver's own
    stream is one round trip for all (libpq's chunked rows mode).
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, Connection):
            raise TypeError("the optimized pipeline needs an engine over psycopg 3")
        with driver.cursor(row_factory=tuple_row) as cursor:
            yield from cursor.stream(statement, {name: list(ids)}, size=ROWS_AT_A_TIME)
