"""Connections of the harness itself, and what a failed one means for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL

from claimbench.errors import ClaimbenchError, InvalidMeasurementError, UsageError

CONNECT_TIMEOUT_S = 10
DRIVER = "postgresql+psycopg"

TIME_LIMITS = (
    *("statement_timeout", "lock_timeout", "transaction_timeout"),
    *("idle_in_transaction_session_timeout", "idle_session_timeout"),
)
"""The settings that end a statement, a transaction or a session of a role; old servers lack some."""
_OF_THE_HARNESS = """
SELECT set_config(name, CASE name WHEN 'pg_stat_statements.track' THEN 'none' ELSE '0' END, false)
FROM pg_settings
WHERE name = ANY(%s) OR name = 'pg_stat_statements.track' AND current_setting('is_superuser') = 'on'
"""
"""Without limits, and unseen by pg_stat_statements: a `CREATE DATABASE` for each clone would fill it."""

_REMEDIES = (
    ("too many connections for role", "allow the role more connections (ALTER ROLE … CONNECTION LIMIT)"),
    (
        "too many connections for database",
        "allow the database more connections (ALTER DATABASE … CONNECTION LIMIT)",
    ),
    ("password authentication failed", "check user and password of the URL"),
    ("no password supplied", "put the password into the URL, or into ~/.pgpass"),
    ("does not exist", "name a database and a role that exist"),
    ("statement timeout", "raise statement_timeout of this role, of the URL's options or of PGOPTIONS"),
    ("invalid connection option", "correct the words behind the ? of the URL"),
    ("definition of service", "name a service that PGSERVICEFILE or ~/.pg_service.conf has"),
    ("session is", "name a server that fits target_session_attrs, and that may be written to"),
    ("too many", "free a connection, or raise max_connections"),
    ("ssl", "check sslmode and the certificates"),
)

_DISK_FULL = "53100"
_LOST = ("57P01", "57P02", "57P03", "08")


def without_password(url: URL) -> str:
    """The URL as text, with every form of password taken out."""
    secrets = [key for key in url.query if "password" in key.lower()]
    return url.difference_update_query(secrets).render_as_string(hide_password=True)


def conninfo(url: URL) -> str:
    """The URL in libpq's words. It holds the password: never print it.

    Not as a URL again: SQLAlchemy writes a space of the query as `+`, which libpq does not read as one.
    """
    query = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    return make_conninfo(**{**url.translate_connect_args(username="user", database="dbname"), **query})


def connect(url: URL) -> psycopg.Connection:
    """Connect in autocommit; a `UsageError` in one line says why that is not possible.

    Seeding and dropping may take their time: what limits a statement of this role holds for the arms only.
    """
    try:
        connection = psycopg.connect(
            conninfo(url),
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="claimbench harness",
        )
        connection.execute(_OF_THE_HARNESS, [list(TIME_LIMITS)])
    except psycopg.Error as error:
        raise unreachable(url, error) from None
    connection.prepare_threshold = None
    return connection


def unreachable(url: URL, error: psycopg.Error) -> UsageError:
    """What to tell a user whose URL leads to no usable connection."""
    said = _one_line(url, error)
    remedies = (remedy for symptom, remedy in _REMEDIES if symptom in said.lower())
    remedy = next(remedies, "start the server, or correct host and port of the URL")
    return UsageError(f"cannot connect: {said}", where=without_password(url), remedy=remedy)


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn the driver's errors in the block into ours: disk full, connection lost, or no right."""
    try:
        yield
    except psycopg.Error as error:
        raise _explanation(url, error) from error


def _explanation(url: URL, error: psycopg.Error) -> ClaimbenchError:
    where, said = without_password(url), _one_line(url, error)
    # libpq gives a lost connection no state of its own.
    state = error.sqlstate or ("08" if isinstance(error, psycopg.OperationalError) else "")
    if state == _DISK_FULL or "No space left" in said:
        return InvalidMeasurementError(
            f"the server's disk is full: {said}", where=where, remedy="free space or take a smaller dataset"
        )
    if state.startswith(_LOST):
        return InvalidMeasurementError(
            f"the connection was lost: {said}", where=where, remedy="look at the server's log, then run again"
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return UsageError(
            said, where=where, remedy="use a role that may create databases (ALTER ROLE … CREATEDB)"
        )
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return UsageError(
            said, where=where, remedy="turn default_transaction_read_only off, or use a server that may write"
        )
    if isinstance(error, psycopg.errors.QueryCanceled):
        return UsageError(said, where=where, remedy=f"raise {said_setting(said)} of this role or database")
    return UsageError(f"the server refused: {said}", where=where, remedy="look at the server's log")


def said_setting(said: str) -> str:
    """The setting that a cancelled statement's error means: `statement timeout` is `statement_timeout`."""
    return next((name for name in TIME_LIMITS if name.replace("_", " ") in said), TIME_LIMITS[0])


def _one_line(url: URL, error: psycopg.Error) -> str:
    said = " ".join((str(error) or type(error).__name__).split())
    return said.replace(url.password, "***") if isinstance(url.password, str) and url.password else said
