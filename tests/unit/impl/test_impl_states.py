"""The state diagram in the documentation: every edge has a letter, every letter a test that exists."""

import re
from pathlib import Path

from claimbench.impl.statuses import BatchStatus, RequestStatus

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "states.md").read_text()
LETTERS = set(re.findall(r"^    .*-->.*: ([A-Z])\b", PAGE, re.MULTILINE))
ROWS = dict(re.findall(r"^\| ([A-Z]) \| `(test_\w+)` \|$", PAGE, re.MULTILINE))


def test_every_edge_of_the_diagram_names_its_test() -> None:
    assert set(ROWS) == LETTERS
    assert len(LETTERS) > 20


def test_every_test_that_the_diagram_names_exists() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    missing = [name for name in ROWS.values() if f"def {name}(" not in source]

    assert missing == []


def test_every_status_stands_in_the_diagram() -> None:
    missing = [status for status in (*RequestStatus, *BatchStatus) if status.value not in PAGE]

    assert missing == []
