"""Prompts streamed from the server: one statement, a few hundred rows in memory at a time."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from sqlalchemy import Engine

from claimbench.impl.lease import Lease

ROWS_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class PromptStream:
    """A connection of its own, in a transaction whose locks last until the stage is done with the rows."""

    driver: psycopg.Connection[Any]
    begun: ExitStack
    """Closes what is being read: the driver holds its lock until then, and a rollback would wait for it."""

    def rows(self, statement: str, ids: Sequence[int], lease: Lease) -> Iterator[tuple[Any, ...]]:
        """Rows of a statement about those of these ids that we still hold; may be left before their end."""
        rows = self._rows(statement, ids, lease)
        self.begun.callback(rows.close)
        return rows

    def _rows(
        self, statement: str, ids: Sequence[int], lease: Lease
    ) -> Generator[tuple[Any, ...], None, None]:
        """In chunks, as the server sends them.

        SQLAlchemy streams through a server-side cursor, a round trip for each chunk; the driver's own
        stream is one round trip for all (libpq's chunked rows mode).
        """
        with self.driver.cursor(row_factory=tuple_row) as cursor:
            yield from cursor.stream(statement, {"ids": list(ids), "token": lease.by}, size=ROWS_AT_A_TIME)


@contextmanager
def open_stream(engine: Engine) -> Iterator[PromptStream]:
    """A stream; the locks that its rows took end with it."""
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError("the optimized pipeline needs an engine over psycopg 3")
        with ExitStack() as begun:
            yield PromptStream(driver, begun)
