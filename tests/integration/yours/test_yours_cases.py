"""The nine cases in which tools for N+1 were compared, through the plugin."""

import re
import shutil
from pathlib import Path

import pytest
from own_suite import DOUBLES, suite

pytestmark = pytest.mark.whole

CASES = {
    "test_loop[got_one_by_one]": r"N=2: 2, N=12: 12  SELECT.*one select\(Customer\) with \.in_\(keys\)",
    "test_loop[loaded_lazily]": r"N=2: 2, N=12: 12  SELECT customer.*selectinload\(Order\.customer\)",
    "test_loop[committed_in_a_loop]": r"N=2: 1, N=12: 11  SELECT.*expire_on_commit=False, for Order",
    "test_loop[flushed_in_a_loop]": r"N=2: 2, N=12: 12  UPDATE customer SET.*in flushed_in_a_loop",
    "test_loop[updated_in_a_loop]": r"N=2: 2, N=12: 12  UPDATE customer SET.*in updated_in_a_loop",
    "test_loop[sent_round_the_session]": r"N=2: 2, N=12: 12  SELECT name.*in sent_round_the_session",
    "test_executemany": r"200 executions, at most 50 allowed",
    "test_overfetch": r"row_bytes grow with N \(allowed for one more: 100\).*sent were:.*SELECT customer",
    "test_chunks": r"^$",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("cases")
    return suite(Path(shutil.copy(DOUBLES / "yours_cases.py", folder)), folder)


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_told_and_the_harmless_one_is_not(told: dict[str, str], case: str) -> None:
    assert re.search(CASES[case], told[case], re.DOTALL)
