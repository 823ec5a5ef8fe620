"""What a process of ours leaves when it is killed."""

import sys
import tempfile
from pathlib import Path

import pytest

from claimbench.loadgen.processes.line_process import LineProcess

HALF_MADE = """
import tempfile
print(tempfile.mkdtemp(prefix="claimbench-test-"), flush=True)
input()
"""


def test_a_folder_that_it_had_not_yet_locked_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with LineProcess((sys.executable, "-c", HALF_MADE)) as process:
        made = Path(process.hear())
        assert made.is_dir()

    assert not made.exists()
    assert list(tmp_path.iterdir()) == []
