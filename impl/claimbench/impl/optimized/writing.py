"""Writes of whole sets. Two schedulers that lock rows in different orders may meet: then one writes again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import Connection, Engine, Row, TextClause
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

Item = TypeVar("Item")
Result = TypeVar("Result")


def _met_another(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and isinstance(error.orig, DeadlockDetected | SerializationFailure)


_AGAIN = Retrying(
    retry=retry_if_exception(_met_another),
    stop=stop_after_attempt(5),
    wait=wait_random_exponential(multiplier=0.01, max=0.2),
    reraise=True,
)


def write(engine: Engine, statement: TextClause, parameters: Mapping[str, object]) -> int:
    """One statement, committed by itself; how many rows it wrote."""

    def once() -> int:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(statement, parameters).rowcount

    return _AGAIN.copy()(once)


def rows_of(
    engine: Engine, statement: TextClause, parameters: Mapping[str, object]
) -> Sequence[Row[tuple[Any, ...]]]:
    """One statement, committed by itself; all rows that it gives."""

    def once() -> Sequence[Row[tuple[Any, ...]]]:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(statement, parameters).all()

    return _AGAIN.copy()(once)


def portions(items: Iterable[Item], weight: Callable[[Item], int], most: int) -> Iterator[tuple[Item, ...]]:
    """The items in their order, together as many as weigh at most so much; a heavier one stands alone."""
    portion: list[Item] = []
    weighed = 0
    for item in items:
        weighs = weight(item)
        if portion and weighed + weighs > most:
            yield tuple(portion)
            portion, weighed = [], 0
        portion.append(item)
        weighed += weighs
    if portion:
        yield tuple(portion)


def in_transaction(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """All that `work` writes, or nothing; `work` may be called again."""

    def once() -> Result:
        with engine.begin() as connection:
            return work(connection)

    return _AGAIN.copy()(once)
