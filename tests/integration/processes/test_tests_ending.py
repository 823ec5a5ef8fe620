"""The tests themselves end in order when they are told to, as they do when a time limit of CI is over."""

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[2] / "conftest.py"
TESTS = """
import os, signal
from claimbench.loadgen.processes.ending import unwound_when_told

def test_first():
    with unwound_when_told():  # as an open server does
        os.kill(os.getpid(), signal.SIGTERM)

def test_second():
    print("went on")
"""


def test_a_sigterm_ends_the_run_and_not_only_the_present_test(tmp_path: Path) -> None:
    """A sweep of the chaos session showed it as a failure without a reason, and went on, deaf to SIGTERM."""
    (tmp_path / "test_told_to_end.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-q", "--rootdir", tmp_path, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CONFTEST.parent / "doubles")},
    )

    assert "went on" not in done.stdout
    assert "told to end by SIGTERM" in done.stdout
    assert done.returncode == 143
