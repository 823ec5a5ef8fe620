"""A measured process begins from bytecode, wherever there is a place to keep it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from claimbench.loadgen.processes.line_process import LineProcess

START = """
from claimbench.loadgen.processes.bytecode import end_if_compiled, notice_compiling
notice_compiling()
import sys
sys.path.insert(0, sys.argv[1])
import arm
with open(sys.argv[1] + "/starts", "a") as starts:
    starts.write((sys.pycache_prefix or "beside") + "\\n")
line = sys.stdin.readline()
end_if_compiled()
print("heard", line)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "arm.py").write_text("SOME = 1\n")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    return tmp_path


def heard(folder: Path) -> str:
    with LineProcess((sys.executable, "-c", START, str(folder))) as process:
        process.say("an order")
        return process.hear() or process.last_words()


def starts(folder: Path) -> list[str]:
    return (folder / "starts").read_text().splitlines()


def test_a_process_that_compiled_is_started_again_and_told_the_same(folder: Path) -> None:
    assert heard(folder) == "heard an order"
    assert starts(folder) == ["beside", "beside"]


def test_a_process_that_found_its_bytecode_starts_once(folder: Path) -> None:
    heard(folder)
    (folder / "starts").unlink()

    assert heard(folder) == "heard an order"
    assert starts(folder) == ["beside"]


def test_where_none_may_be_written_beside_the_source_it_is_kept_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert heard(folder) == "heard an order"
    assert len(starts(folder)) == 2
    assert "beside" not in starts(folder)
    assert not (folder / "__pycache__").exists()


def test_where_none_can_be_written_it_is_kept_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/dev/null/nowhere")

    assert heard(folder) == "heard an order"
    assert starts(folder)[:2] == ["/dev/null/nowhere"] * 2
    assert "/dev/null/nowhere" not in starts(folder)[2:]


def test_where_none_can_be_kept_at_all_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "claimbench.loadgen.processes.line_process._bytecode_folder", lambda: Path("/dev/null/nowhere")
    )
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert heard(folder).endswith(f"modules were compiled, among them {folder / 'arm.py'}")


def test_what_has_ended_otherwise_is_not_started_again(folder: Path) -> None:
    (folder / "arm.py").write_text("raise RuntimeError('broken')\n")

    assert heard(folder) == "RuntimeError: broken"
