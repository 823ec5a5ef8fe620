"""What counting costs a test: printed with `-s`, for docs/your-code.md."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median

import psycopg
import pytest
from sqlalchemy import URL, create_engine, text

from claimbench.loadgen.yours.watching import CallWatch

pytestmark = pytest.mark.bench
STATEMENTS, PAIRS = 300, 7


def taken_us(call: Callable[[], None], *, watched: bool) -> float:
    """Microseconds of this process for a statement: what others do on the machine does not count."""
    with CallWatch().running() if watched else nullcontext():
        began = time.process_time()
        call()
        return (time.process_time() - began) / STATEMENTS * 1e6


def costs_us(call: Callable[[], None]) -> tuple[float, float]:
    """A statement without, and with counting; in turn, so that a busy machine hits both."""
    call()
    pairs = [(taken_us(call, watched=False), taken_us(call, watched=True)) for _ in range(PAIRS)]
    return median(plain for plain, _ in pairs), median(watched for _, watched in pairs)


@pytest.mark.parametrize("rows", [1, 100])
@pytest.mark.parametrize("layer", ["psycopg", "sqlalchemy"])
def test_counting_costs_a_small_part_of_a_statement(claimbench_database: URL, layer: str, rows: int) -> None:
    query = f"SELECT repeat('x', 100) FROM generate_series(1, {rows})"
    engine = create_engine(claimbench_database)
    dsn = claimbench_database.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn) as raw, engine.connect() as connection:

        def call() -> None:
            for _ in range(STATEMENTS):
                if layer == "psycopg":
                    raw.execute(query).fetchall()
                else:
                    connection.execute(text(query)).all()

        plain, watched = costs_us(call)
    engine.dispose()
    print(f"{layer}, {rows} rows: {plain:.0f} us, counted {watched:.0f} us ({watched / plain - 1:+.0%})")

    assert watched - plain < 2_000
