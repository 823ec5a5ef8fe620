"""`claimbench compare`: two functions of a user's own, in a file or by name."""

import json
from pathlib import Path

import pytest
from command_line import claimbench

pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("files_in_memory")]
FUNCTIONS = """
import psycopg

def seed(case, n):
    with psycopg.connect(case.dsn) as connection:
        connection.execute("CREATE TABLE item (id bigserial PRIMARY KEY)")
        connection.execute("INSERT INTO item SELECT generate_series(1, %s)", [n])

def all_of(case):
    with psycopg.connect(case.dsn) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM item ORDER BY id")]

def one_by_one(case):
    with psycopg.connect(case.dsn) as connection:
        one = "SELECT id FROM item WHERE id = %s"
        return [connection.execute(one, [n]).fetchone()[0] for n in all_of(case)]

def three(case):
    return all_of(case)[:3]

def nothing(case, n): ...
"""
WORDS = ("--sizes", "2,4", "--database", "embedded", "--out")


def test_two_functions_are_proved_equal_then_counted_at_each_size(tmp_path: Path) -> None:
    (tmp_path / "listing.py").write_text(FUNCTIONS)
    both = ("listing:one_by_one", "listing:all_of", "--populate", "listing:seed")
    ran = claimbench("compare", *both, *WORDS, str(tmp_path / "out"), cwd=tmp_path)

    assert ran.code == 0, ran.err
    drawn = claimbench("report", str(tmp_path / "out"), cwd=tmp_path)
    stored = json.loads((tmp_path / "out" / "results.json").read_text())

    assert drawn.code == 0, drawn.err
    assert stored["command"] == f"claimbench compare {' '.join(both)} --sizes 2,4 --database embedded"
    assert "batch API" not in (tmp_path / "out" / "report.md").read_text()
    statements = {
        (sample["arm"], sample["size"]): sample["value"]
        for sample in json.loads((tmp_path / "out" / "results.json").read_text())["samples"]
        if (sample["metric"], sample["stage"]) == ("statements", "run")
    }
    assert statements == {
        ("reference", 2): 3,
        ("reference", 4): 5,
        ("candidate", 2): 1,
        ("candidate", 4): 1,
    }


def test_a_function_that_returns_less_ends_with_exit_code_5(tmp_path: Path) -> None:
    (tmp_path / "listing.py").write_text(FUNCTIONS)
    both = ("listing:all_of", "listing:three", "--populate", "listing:seed")
    ran = claimbench("compare", *both, *WORDS, str(tmp_path / "out"), cwd=tmp_path)

    assert ran.code == 5, ran.err
    assert "items=4 with reference, items=3 with candidate" in ran.out


def test_each_mistake_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "listing.py").write_text(FUNCTIONS)
    both = ("listing:all_of", "listing:three")
    empty = claimbench(
        "compare", *both, "--populate", "listing:nothing", *WORDS, str(tmp_path / "out"), cwd=tmp_path
    )
    alone = claimbench("compare", *both, cwd=tmp_path)
    unknown = claimbench(
        "compare", "listing:all", "listing:three", "--populate", "listing:seed", cwd=tmp_path
    )
    without = claimbench("compare", "listing.py", cwd=tmp_path)

    assert [each.code for each in (empty, alone, unknown, without)] == [2] * 4
    assert "populate filled nothing at size 4" in empty.err
    assert "old:f new:f --populate module:seed" in alone.err
    assert "'listing:all' cannot be imported" in unknown.err
    assert "has no comparison" in without.err
