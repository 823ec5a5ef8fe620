"""A suite of a user who makes each mistake once; run by the test that reads what is told of it."""

import asyncio
import subprocess
import sys
import time

import pytest
from sqlalchemy import Connection, Engine, create_engine, text


@pytest.fixture
def engine(claimbench_database):
    engine = create_engine(claimbench_database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE item (id bigserial PRIMARY KEY, name text)"))
    yield engine
    engine.dispose()


@pytest.fixture
def make(engine):
    def make_items(n: int) -> None:
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO item (name) SELECT 'x' FROM generate_series(1, :n)"), {"n": n}
            )

    return make_items


@pytest.fixture
def left():
    """Connections that a test leaves open, closed after it."""
    connections: list[Connection] = []
    yield connections
    for connection in connections:
        connection.invalidate()
        connection.close()


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT name FROM item ORDER BY id")))


def first(engine: Engine) -> str:
    with engine.connect() as connection:
        return connection.execute(text("SELECT name FROM item")).first()[0]


def test_size_zero(claimbench, engine, make):
    claimbench.assert_growth(populate=make, run=lambda: names(engine), sizes=(0, 1))


def test_equal_sizes(claimbench, engine, make):
    claimbench.assert_growth(populate=make, run=lambda: names(engine), sizes=(2, 2))


def test_unknown_budget(claimbench, engine, make):
    claimbench.assert_growth(populate=make, run=lambda: names(engine), round_trip=0)


def test_populate_fails(claimbench, engine, make):
    claimbench.assert_growth(populate=lambda _: make("many"), run=lambda: names(engine))


def test_populate_fills_nothing(claimbench, engine):
    claimbench.assert_growth(populate=lambda _: None, run=lambda: names(engine))


def test_populate_fills_too_much(claimbench, engine, make):
    claimbench.assert_growth(populate=lambda n: make(n * n), run=lambda: names(engine))


def test_populate_fills_as_much_whatever_n_is(claimbench, engine, make):
    claimbench.assert_growth(populate=lambda _: make(5), run=lambda: names(engine))


def test_raises_at_one_size(claimbench, engine, make):
    def run() -> None:
        if len(names(engine)) > 2:
            raise KeyError("third")

    claimbench.assert_growth(populate=make, run=run)


def test_waits(claimbench, make):
    async def run() -> None:
        await asyncio.sleep(0)

    claimbench.assert_growth(populate=make, run=run)


def test_waits_in_same_work(claimbench):
    async def run() -> None:
        await asyncio.sleep(0)

    claimbench.assert_same_work(run, run)


def test_an_iterator_once(claimbench, engine, make):
    found = iter(names(engine))
    claimbench.assert_growth(populate=make, run=lambda: found)


def test_an_iterator_for_both(claimbench, engine):
    found = iter(names(engine))
    claimbench.assert_same_work(lambda: found, lambda: found)


def test_opens_connections_elsewhere(claimbench, claimbench_dsn, make):
    code = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT name FROM item')"
    command = (sys.executable, "-c", code, claimbench_dsn)
    claimbench.assert_growth(populate=make, run=lambda: subprocess.run(command, check=True).returncode)


def test_leaves_a_transaction_open(claimbench, engine, make, left):
    def reset() -> None:
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE item"))

    def run() -> list[str]:
        left.append(engine.connect())
        return list(left[-1].scalars(text("SELECT name FROM item")))

    claimbench.assert_growth(populate=make, run=run, reset=reset, within_s=0.5)


def test_writes_and_leaves_a_transaction_open(claimbench, engine, left):
    def write() -> None:
        left.append(engine.connect())
        left[-1].execute(text("INSERT INTO item (name) VALUES ('x')"))

    claimbench.assert_same_work(write, write, reset=lambda: None)


def test_hangs_in_same_work(claimbench):
    claimbench.assert_same_work(lambda: time.sleep(30), lambda: None, within_s=0.3)


@pytest.mark.max_commits(0)
def test_commits(make):
    make(1)


def test_hangs(claimbench, make):
    claimbench.assert_growth(populate=make, run=lambda: time.sleep(30), within_s=0.3)


def test_no_connection(claimbench):
    claimbench.assert_growth(populate=lambda _: None, run=lambda: None)


def test_cannot_be_compared(claimbench):
    claimbench.assert_same_work(object, object)


def test_writes_without_reset(claimbench, make):
    claimbench.assert_same_work(lambda: make(1), lambda: make(1))


def test_leaves_other_rows(claimbench, engine, make):
    def reset() -> None:
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE item RESTART IDENTITY"))

    claimbench.assert_same_work(lambda: make(1), lambda: make(2), reset=reset)


def test_rows_that_nobody_reads(claimbench, engine, make):
    claimbench.assert_growth(populate=make, run=lambda: first(engine), sizes=(1, 2), rows=0)


@pytest.mark.max_round_trip(3)
def test_marker_with_a_typo(engine):
    names(engine)


@pytest.mark.max_round_trips("3")
def test_marker_without_a_number(engine):
    names(engine)


@pytest.mark.max_statements(3)
def test_marker_where_nothing_is_seen(): ...


@pytest.mark.max_executions(1)
def test_executemany_is_expanded(engine):
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO item (name) VALUES (:name)"), [{"name": "a"}, {"name": "b"}])


def test_password_stays_hidden(claimbench_database):
    assert claimbench_database is None


def test_password_of_the_dsn_stays_hidden(claimbench_dsn):
    assert claimbench_dsn is None


@pytest.mark.max_round_trips(3)
@pytest.mark.max_commits(0)
def test_after_all_of_them_a_good_one_passes(claimbench, engine, make):
    claimbench.assert_growth(populate=make, run=lambda: (each for each in names(engine)), rows=1)
    claimbench.assert_same_work(lambda: names(engine), lambda: tuple(names(engine)))
