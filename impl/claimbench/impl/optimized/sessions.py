"""Server sessions that a stage keeps for itself, and by which others see that it lives."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, TextClause, text

from claimbench.impl.lease import LOCK_NUMBER_SQL, Lease

_NUMBER = LOCK_NUMBER_SQL.format(token=":token")  # noqa: S106 (the name of a parameter)
_BEGIN = "SELECT set_config('random_page_cost', '1.1', false)"
_END = (
    "SELECT set_config('random_page_cost', reset_val, false){also}"
    " FROM pg_settings WHERE name = 'random_page_cost'"
)
_OWN = text(_BEGIN), text(_END.format(also=""))
_ALIVE = (
    text(f"{_BEGIN}, pg_advisory_lock({_NUMBER})"),
    text(_END.format(also=f", pg_advisory_unlock({_NUMBER})")),
)


@contextmanager
def own_session(engine: Engine) -> Iterator[Connection]:
    """A connection in autocommit, so that no transaction is open while others are waited for.

    Its planner reads a chunk's rows one by one, instead of the whole table for each chunk. After a failure it
    is closed, and with it go its locks and its temporary tables.
    """
    with _session(engine, *_OWN, {}) as connection:
        yield connection


@contextmanager
def living_session(engine: Engine, lease: Lease) -> Iterator[Connection]:
    """As `own_session`; others see by it that the holder of the lease lives, whatever their clocks say."""
    with _session(engine, *_ALIVE, {"token": lease.by}) as connection:
        yield connection


@contextmanager
def _session(
    engine: Engine, begin: TextClause, end: TextClause, parameters: Mapping[str, object]
) -> Iterator[Connection]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.execute(begin, parameters)
            yield connection
            connection.execute(end, parameters)
        except BaseException:
            connection.invalidate()
            raise


def driver_of(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The driver's own connection, for COPY."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("this pipeline needs an engine over psycopg 3")
    return driver
