"""Server sessions that a stage keeps for itself, and by which others see that it lives."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, text

from claimbench.impl.lease import LOCK_NUMBER_SQL, Lease

_NUMBER = LOCK_NUMBER_SQL.format(token=":token")  # noqa: S106 (the name of a parameter)
_PAGE_COST = text("SELECT set_config('random_page_cost', '1.1', false)")
_USUAL_PAGE_COST = text("RESET random_page_cost")
_SHOW_LIFE = text(f"SELECT pg_advisory_lock({_NUMBER})")
_END_LIFE = text(f"SELECT pg_advisory_unlock({_NUMBER})")


@contextmanager
def own_session(engine: Engine) -> Iterator[Connection]:
    """A connection in autocommit, so that no transaction is open while others are waited for.

    Its planner reads a chunk's rows one by one, instead of the whole table for each chunk. After a failure it
    is closed, and with it go its locks and its temporary tables.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.execute(_PAGE_COST)
            yield connection
            connection.execute(_USUAL_PAGE_COST)
        except BaseException:
            connection.invalidate()
            raise


@contextmanager
def shown_alive(connection: Connection, lease: Lease) -> Iterator[None]:
    """Others see that the holder of the lease lives, whatever their clocks say, while the session does."""
    connection.execute(_SHOW_LIFE, {"token": lease.by})
    yield
    connection.execute(_END_LIFE, {"token": lease.by})


def driver_of(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The driver's own connection, for COPY."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the optimized pipeline needs an engine over psycopg 3")
    return driver
