"""Async tests, under whichever plugin a user has for them."""

import re
import shutil
from pathlib import Path

import pytest
from own_suite import DOUBLES, suite

pytestmark = pytest.mark.whole

pytest.importorskip("pytest_asyncio")
GREW = r"round_trips grow with N .*N=2: 2, N=5: 5  SELECT name.*with_\w+.py:\d+ in one_by_one"
SAID = {
    "test_growth": GREW,
    "test_over_asyncpg": GREW,
    "test_right": r"^$",
    "test_wrong": r"result: 3 items with the old, 2 with the new",
    "test_hangs": r"^claimbench: assert_same_work_async: took longer than 0.2 s; give within_s=[^\n]*$",
    "test_budget": r"^11 statements, at most 2 allowed\n.*3 times  SELECT name FROM item WHERE id = \?",
}


@pytest.mark.parametrize("runner", ["asyncio", "anyio"])
def test_an_async_test_is_told_the_same_under_each_plugin(runner: str, tmp_path: Path) -> None:
    told = suite(Path(shutil.copy(DOUBLES / "yours_async.py", tmp_path / f"with_{runner}.py")), tmp_path)

    assert {*told} == {*SAID}
    assert [name for name in SAID if not re.search(SAID[name], told[name], re.DOTALL)] == []
