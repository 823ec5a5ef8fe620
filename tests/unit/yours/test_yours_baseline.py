"""A baseline without a database: what a session's findings come to beside it."""

import json
from pathlib import Path

import pytest

from claimbench.loadgen.yours.baseline import KnownFindings

PLACE = "shop.py in orders: "
LATE, LONG_AGO = "2999-01-01", "2020-01-01"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "claimbench-baseline.json"


def findings(file: Path, *, collects: bool = False, expires: str = LATE) -> KnownFindings:
    entry = {"test": "t::one", "finding": f"{PLACE}SELECT ?", "reason": "agreed", "expires": expires}
    known = {(entry["test"], entry["finding"]): entry}
    return KnownFindings(file, collects, known)


def test_what_is_known_with_a_reason_is_accepted(file: Path) -> None:
    assert findings(file).refuse("t::one", (f"{PLACE}SELECT ?",)) is None


def test_a_second_finding_in_the_same_place_is_new(file: Path) -> None:
    both = (f"{PLACE}SELECT ?", f"{PLACE}SELECT b FROM t WHERE id = ?")

    assert findings(file).refuse("t::one", both) == []


def test_an_expired_entry_is_told_with_its_date_and_reason(file: Path) -> None:
    refused = findings(file, expires=LONG_AGO).refuse("t::one", (f"{PLACE}SELECT ?",))

    assert refused == [f"known, but that expired on {LONG_AGO} (agreed)"]


def test_a_finding_that_is_fixed_is_told_if_its_test_ran(file: Path) -> None:
    known = findings(file)
    before = known.summary()
    known.ran.add("t::one")

    assert before == []
    assert known.summary() == [f"fixed, take it out of {file.name}: t::one: {PLACE}SELECT ?"]


def test_collecting_keeps_reasons_and_the_entries_of_tests_that_did_not_run(file: Path) -> None:
    known = findings(file, collects=True)
    known.ran.add("t::two")
    known.refuse("t::two", ("SELECT c",))
    known.close()
    rows = {row["test"]: row for row in json.loads(file.read_text())}

    assert rows["t::one"]["reason"] == "agreed"
    assert rows["t::two"]["reason"].startswith("found when collected")


def test_a_worker_brings_its_tests_and_its_findings(file: Path) -> None:
    worker, controller = findings(file), findings(file)
    worker.ran.add("t::one")
    worker.refuse("t::one", ("SELECT c",))
    controller.take_over(worker.rows())

    assert (controller.ran, controller.found) == ({"t::one"}, worker.found)
