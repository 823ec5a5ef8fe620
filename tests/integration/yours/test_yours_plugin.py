"""The pytest plugin in a suite of its own process: what a mistake is told, and what is counted."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from own_suite import DOUBLES, suite

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("mistakes")
    return suite(Path(shutil.copy(DOUBLES / "yours_mistakes.py", folder)), folder)


NOTHING_SEEN = "no connection of psycopg or asyncpg was seen, so nothing was counted"
ONE_LINES = {
    "test_size_zero": "0 is no size; start at 1 or more",
    "test_equal_sizes": "(2, 2) shows no growth",
    "test_unknown_budget": "there is no budget 'round_trip'; known are round_trips, statements, executions",
    "test_populate_fails": "populate failed at N = 2: ",
    "test_populate_fills_nothing": "populate sent nothing to the database at N = 2",
    "test_raises_at_one_size": "run failed at N = 12: KeyError: 'third'",
    "test_waits": "run or populate is async; await claimbench.assert_growth_async(…)",
    "test_populate_fills_too_much": "populate adds too much: 4 for n = 2, 100 for n = 10, 2500 for n = 50",
    "test_populate_fills_as_much_whatever_n_is": "populate adds as many rows whatever n is: 5 for n = 2, 5",
    "test_waits_in_same_work": "old or new is async; await claimbench.assert_same_work_async(…)",
    "test_an_iterator_once": "run returned the iterator of before, which is used up; make a new one",
    "test_an_iterator_for_both": "new: returned the iterator that old returned, which is used up",
    "test_opens_connections_elsewhere": "run sent nothing that was seen, at no size; empty its cache",
    "test_leaves_a_transaction_open": "took longer than 0.5 s; give within_s=, or look for a transaction",
    "test_writes_and_leaves_a_transaction_open": "old: left a transaction open, so nobody sees what it wrote",
    "test_hangs_in_same_work": "assert_same_work: took longer than 0.3 s",
    "test_hangs": "took longer than 0.3 s; give within_s=",
    "test_no_connection": NOTHING_SEEN,
    "test_cannot_be_compared": "old: a object cannot be compared; return plain values",
    "test_writes_without_reset": "it writes (INSERT INTO item (name)",
    "test_marker_with_a_typo": "there is no marker max_round_trip; did you mean max_round_trips?",
    "test_marker_without_a_number": "@pytest.mark.max_round_trips takes one number, such as 3",
    "test_marker_where_nothing_is_seen": NOTHING_SEEN,
}


@pytest.mark.parametrize("name", ONE_LINES)
def test_a_mistake_is_told_in_one_line(told: dict[str, str], name: str) -> None:
    assert ONE_LINES[name] in told[name]
    assert len(told[name].splitlines()) == 1


def test_the_suite_goes_on_and_a_good_test_passes(told: dict[str, str]) -> None:
    assert told["test_after_all_of_them_a_good_one_passes"] == ""


def test_other_rows_that_were_left_are_named_by_table(told: dict[str, str]) -> None:
    assert "table public.item: 1 rows with the old, 2 with the new" in told["test_leaves_other_rows"]


def test_rows_that_were_fetched_and_not_used_are_told_with_their_line(told: dict[str, str]) -> None:
    said = told["test_rows_that_nobody_reads"]

    assert "rows grow with N (allowed for one more: 0): N=1: 1, N=3: 3" in said
    assert re.search(
        r"2 rows were fetched and not used: SELECT name FROM item \(.*yours_mistakes.py:\d+ in", said
    )


def test_a_commit_is_held_to_its_budget(told: dict[str, str]) -> None:
    assert told["test_commits"].startswith("1 commits, at most 0 allowed")


def test_executemany_is_counted_by_its_parameter_sets(told: dict[str, str]) -> None:
    assert "2 executions, at most 1 allowed" in told["test_executemany_is_expanded"]


def test_the_password_of_the_database_is_in_no_traceback(told: dict[str, str]) -> None:
    assert "postgresql+psycopg://claimbench:***@127.0.0.1" in told["test_password_stays_hidden"]
    assert re.search(
        r"postgresql://claimbench:\*\*\*@127.0.0.1", told["test_password_of_the_dsn_stays_hidden"]
    )
    assert not [said for said in told.values() if re.search(r"//claimbench:[^*]", said)]


REPEATING = """
import psycopg, pytest

@pytest.mark.parametrize("times", [1])
def test_repeats(claimbench_database, times):
    url = claimbench_database.set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url) as connection:
        for number in range({first}):
            connection.execute("SELECT %s", [number])
        for number in range({second}):
            connection.execute("SELECT %s + 1", [number])
"""


def test_a_baseline_is_collected_then_what_is_new_is_red_and_what_is_fixed_is_told(tmp_path: Path) -> None:
    file, baseline = tmp_path / "test_it.py", tmp_path / "claimbench-baseline.json"
    file.write_text(REPEATING.format(first=6, second=1))
    collected = suite(file, tmp_path, "--claimbench-collect")
    (entry,) = json.loads(baseline.read_text())
    known = suite(file, tmp_path, "--claimbench-strict")
    file.write_text(REPEATING.format(first=6, second=7))
    new = suite(file, tmp_path, "--claimbench-strict")
    baseline.write_text(json.dumps([{**entry, "expires": "2020-01-01"}]))
    file.write_text(REPEATING.format(first=6, second=1))
    expired = suite(file, tmp_path, "--claimbench-strict")

    assert entry["finding"] == "test_it.py in test_repeats: SELECT ?"
    assert {*entry} == {"test", "finding", "reason", "expires"}
    assert [*collected.values(), *known.values()] == ["", ""]
    assert "7 times  SELECT ? + ?" in new["test_repeats[1]"]
    assert "6 times  SELECT ?" in expired["test_repeats[1]"]
    assert "known, but that expired on 2020-01-01 (found when collected" in expired["test_repeats[1]"]


def test_workers_of_xdist_share_one_server_and_bring_their_findings(tmp_path: Path) -> None:
    text = REPEATING.format(first=6, second=1).replace("[1]", "range(4)")
    (tmp_path / "test_it.py").write_text(text + "        print(connection.info.port)\n")
    outcome = suite(tmp_path / "test_it.py", tmp_path, "-n", "2", "--claimbench-collect")

    assert len(outcome) == 4
    assert {*outcome.values()} == {""}
    assert len(json.loads((tmp_path / "claimbench-baseline.json").read_text())) == 4


def test_loading_the_plugin_imports_neither_a_driver_nor_an_orm(tmp_path: Path) -> None:
    code = (
        "import pytest, sys; before = {*sys.modules}; import claimbench.loadgen.yours.plugin; "
        "print(*sorted({name.split('.')[0] for name in {*sys.modules} - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    )

    assert done.stdout.split() == ["claimbench"]
