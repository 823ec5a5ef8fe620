from dataclasses import dataclass

import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.probes.sql_tokens import without_values
from claimbench.loadgen.yours.plain import plain, told_differences


@dataclass
class Point:
    x: float
    y: float


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([1, 2], [1, 2], []),
        ([1, 2], [2, 1], ["result[0]: 1 (int) with the old, 2 (int) with the new"]),
        ([1, 2, 3], [1], ["result: 3 items with the old, 1 with the new"]),
        ({"a": 1}, {"b": 1}, ["result['a']: only the old result has it"]),
        (1, 1.0, ["result: 1 (int) with the old, 1.0 (float) with the new"]),
        (Point(1, float("nan")), Point(1, float("nan")), []),
        ({3, 1}, {1, 3}, []),
    ],
)
def test_the_first_differences_are_told(old: object, new: object, told: list[str]) -> None:
    assert told_differences(plain(old), plain(new))[: len(told) or 1] == told


def test_a_generator_is_read_to_its_end() -> None:
    assert plain(number for number in range(3)) == [0, 1, 2]


def test_a_type_that_cannot_be_compared_is_named_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"result\['f'\]\[0\]: a function cannot be compared"):
        plain({"f": [lambda: None]})


def test_many_differences_are_cut() -> None:
    assert told_differences([*range(9)], [*range(1, 10)])[-1] == "and more"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = 27"),
        ("SELECT a FROM t WHERE id = %(id_1)s::INTEGER", "SELECT a FROM t WHERE id = $1::INTEGER"),
        ("SELECT a FROM t WHERE id IN (1, 2, 3)", "SELECT a FROM t WHERE id IN (%s, %s)"),
        ("INSERT INTO t VALUES (1, 'x'), (2, 'y')", "INSERT INTO t VALUES ($1, $2), ($3, $4), ($5, $6)"),
        ('FETCH FORWARD 2 FROM "c_1"', 'FETCH FORWARD 5 FROM "c_2"'),
        ("SELECT 1 -- first", "SELECT 1 /* second */"),
    ],
)
def test_texts_that_differ_in_values_are_one(one: str, other: str) -> None:
    assert without_values(one) == without_values(other)


def test_texts_that_differ_in_more_stay_apart() -> None:
    assert without_values("SELECT a FROM t WHERE id = 1") != without_values("SELECT b FROM t WHERE id = 1")
    assert without_values("SELECT t.a, b FROM t WHERE id = 1") == "SELECT t.a, b FROM t WHERE id = ?"
