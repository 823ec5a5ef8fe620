"""The examples: an N+1 is red and its right fix green; a wrong fix is red by its work."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

EXAMPLES = Path(__file__).parents[3] / "examples"


def failures(example: str, folder: Path) -> str:
    """The texts of all failures of an example's tests, in their order."""
    copied = shutil.copytree(EXAMPLES / example, folder / example)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(copied)]
    done = subprocess.run(
        [*command, "-c", "/dev/null", str(copied)], check=False, capture_output=True, text=True, cwd=copied
    )
    told = [line[1:].strip() for line in done.stdout.splitlines() if re.match(r"E( |$)", line)]
    outcome = re.findall(r"^(\d+ failed, \d+ passed)", done.stdout, re.MULTILINE)
    return "\n".join([*told, *(outcome or [done.stdout])]) + "\n"


@pytest.mark.parametrize("example", ["shop", "django_shop", "raw_psycopg"])
def test_an_example_tells_what_its_expected_file_says(example: str, tmp_path: Path) -> None:
    if example == "django_shop":
        pytest.importorskip("django")
    told = failures(example, tmp_path)

    assert told == (EXAMPLES / example / "expected.txt").read_text()
    assert told.endswith("2 failed, 2 passed\n")
