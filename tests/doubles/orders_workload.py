"""A second workload, to show what the port asks for: a table, two functions, no API, no scheduler."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text

from claimbench.loadgen.probes.statements import StatementCount
from claimbench.loadgen.workloads.port import Database, Lap, Observation, Reading, Recipe
from claimbench.loadgen.workloads.work import Piece, Work
from claimbench.reports.record.values import Words
from claimbench.scenarios.model import Arm, Scenario

SCHEMA = "CREATE TABLE customer_order (id bigint PRIMARY KEY, customer text NOT NULL)"
FILL = "INSERT INTO customer_order SELECT n, 'customer ' || n FROM generate_series(1, {size}) AS n"
ONE = text("SELECT customer FROM customer_order WHERE id = :id")


def one_by_one(connection: Connection) -> list[str]:
    ids = connection.scalars(text("SELECT id FROM customer_order ORDER BY id")).all()
    return [connection.execute(ONE, {"id": each}).scalar_one() for each in ids]


def at_once(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT customer FROM customer_order ORDER BY id")))


def ten_at_most(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT customer FROM customer_order ORDER BY id LIMIT 10")))


FUNCTIONS = {each.__name__: each for each in (one_by_one, at_once, ten_at_most)}


@dataclass
class OrdersSession:
    connections: Engine
    function: Callable[[Connection], list[str]]
    found: tuple[str, ...] = ()

    def begin_run(self, number: int) -> None: ...

    def take(self, step: str) -> None:
        with self.connections.connect() as connection:
            self.found = tuple(self.function(connection))

    def readings(self, lap: Lap) -> tuple[Reading, ...]:
        return ()

    def closing_readings(self, sent: Callable[[], tuple[StatementCount, ...]]) -> tuple[Reading, ...]:
        return ()

    def work(self) -> Work:
        return Work((), tuple(Piece(f"order {n}", (each,)) for n, each in enumerate(self.found, 1)))


class Orders:
    words = Words(size="orders", step="function", run="call")
    steps = ("list",)

    def __init__(self, scenario: Scenario) -> None: ...

    def check(self, arm: Arm) -> None: ...

    def recipe(self, arm: Arm, size: int) -> Recipe:
        def fill(connection: psycopg.Connection) -> dict[str, str | int]:
            connection.execute(SCHEMA)
            connection.execute(FILL.format(size=size).encode())
            return {"orders": size}

        return Recipe(hashlib.sha256(f"{SCHEMA} {size}".encode()).hexdigest(), fill)

    @contextmanager
    def service(self) -> Iterator[str]:
        yield ""

    @contextmanager
    def open(self, arm: Arm, database: Database) -> Iterator[OrdersSession]:
        engine = create_engine(database.url)
        try:
            yield OrdersSession(engine, FUNCTIONS[arm.pipeline])
        finally:
            engine.dispose()

    def observations(self, arm: Arm, database: Database, size: int) -> Iterator[Observation]:
        return iter(())

    def violations(self, arm: Arm, database: Database) -> tuple[str, ...]:
        return ()
