"""The service's connections: few, bounded in number and in time.

The endpoints are ordinary functions on a bounded thread pool, not coroutines: the pipelines are synchronous
over the same driver, one engine type serves both, and the database, not the event loop, is what limits.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from claimbench.errors import UsageError
from claimbench.impl.indexes import make_document_indexes
from claimbench.impl.schema import Base, Company
from claimbench.impl.service.admin_access import OwnTables
from claimbench.impl.service.limits import ServiceLimits

_SCHEMA_LOCK = 0x0C1A14
"""Key of the advisory lock under which the schema is made, so that two processes do not make it at once."""


def service_engine(url: URL, limits: ServiceLimits) -> Engine:
    """For requests of clients: they wait for a connection, a lock or a result only so long."""
    statement_ms = int(limits.statement_s * 1000)
    return create_engine(
        url,
        pool_size=limits.connections,
        max_overflow=0,
        pool_timeout=limits.connection_wait_s,
        pool_pre_ping=True,
        hide_parameters=True,  # they hold what customers wrote; exceptions go to logs
        connect_args={
            "connect_timeout": 5,
            "application_name": "claimbench service",
            "options": f"-c statement_timeout={statement_ms} -c lock_timeout={statement_ms // 2} "
            f"-c idle_in_transaction_session_timeout={statement_ms * 2}",
        },
    )


def create_schema(engine: Engine) -> None:
    """Make all tables and the document's indexes in a database that has none of them, else check them."""
    with _explained(engine), engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
        if not inspect(connection).has_table(Company.__tablename__):
            Base.metadata.create_all(connection)
            make_document_indexes(connection)
    check_schema(engine)


def check_schema(engine: Engine) -> None:
    """UsageError, in one line, when the database does not answer or lacks a table or a column.

    What the service alone uses is made, if the database is older than it.
    """
    with _explained(engine), engine.connect() as connection:
        found = inspect(connection).get_multi_columns()
    present = {name: {column["name"] for column in columns} for (_, name), columns in found.items()}
    missing = sorted(set(Base.metadata.tables) - set(present))
    if missing:
        raise UsageError(
            f"the database lacks the tables {', '.join(missing)}",
            where=_without_password(engine.url),
            remedy="run once with --create-schema on an empty database",
        )
    _check_columns(engine, present)
    _make_own_tables(engine, present)


def _check_columns(engine: Engine, present: Mapping[str, Collection[str]]) -> None:
    """An older version made the tables, if they lack a column that came later."""
    added = [
        f"ALTER TABLE {table.name} ADD {column.name} {column.type.compile(engine.dialect)}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name not in present[table.name]
    ]
    if added:
        raise UsageError(
            "the tables are those of an older version",
            where=_without_password(engine.url),
            remedy=f"add what they lack: {'; '.join(added)}",
        )


def _make_own_tables(engine: Engine, present: Collection[str]) -> None:
    if set(OwnTables.metadata.tables) <= set(present):
        return
    with _explained(engine), engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
        OwnTables.metadata.create_all(connection)


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        if engine.url.password:
            reason = reason.replace(str(engine.url.password), "***")
        raise UsageError(
            f"cannot use the database: {reason[:200]}",
            where=_without_password(engine.url),
            remedy="start the server, or correct the URL",
        ) from None


def _without_password(url: URL) -> str:
    secret = [key for key in url.query if "password" in key.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)
