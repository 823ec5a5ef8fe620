"""Temporary folders: gone with their block, or with the next of their kind when their owner was killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from claimbench.loadgen.processes import scratch
from claimbench.loadgen.processes.scratch import LOCK, UNLOCKED_AGE_S, make_scratch_folder, scratch_folder

KILLED = """
import os, signal
from claimbench.loadgen.processes.scratch import scratch_folder
with scratch_folder("test") as folder:
    (folder / "keys.json").write_text("secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_gone_with_its_block() -> None:
    with scratch_folder("test") as folder:
        (folder / "below").mkdir()
        mode = folder.stat().st_mode & 0o777

    assert mode == 0o700
    assert not folder.exists()


def test_what_a_killed_process_left_goes_with_the_next_of_its_kind(root: Path) -> None:
    ended = subprocess.run((sys.executable, "-c", KILLED), check=False, timeout=60)
    (left,) = root.glob("claimbench-test-*/keys.json")

    with scratch_folder("other"):
        assert left.exists()
    with scratch_folder("test"):
        assert not left.parent.exists()
    assert ended.returncode == -signal.SIGKILL


def test_a_folder_whose_owner_lives_stays() -> None:
    with scratch_folder("test") as folder, scratch_folder("test"):
        assert folder.exists()


def test_what_cannot_be_removed_yet_is_left_to_a_later_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_scratch_folder("test")
    (folder.path / "below").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(scratch.shutil, "rmtree", lambda *_, **__: None)  # as if somebody wrote meanwhile
        folder.release()

    assert folder.path.exists()
    make_scratch_folder("test").release()
    assert not folder.path.exists()


def test_a_folder_that_has_no_lock_yet_is_left_to_its_maker(root: Path) -> None:
    (root / "claimbench-test-new").mkdir()

    make_scratch_folder("test").release()

    assert (root / "claimbench-test-new").exists()


def made_long_ago(folder: Path) -> Path:
    long_ago = time.time() - UNLOCKED_AGE_S - 60
    os.utime(folder, (long_ago, long_ago))
    return folder


def test_a_folder_that_never_got_its_lock_goes_when_it_is_old(root: Path) -> None:
    (root / "claimbench-test-old").mkdir()
    old = made_long_ago(root / "claimbench-test-old")

    make_scratch_folder("test").release()

    assert not old.exists()


def test_a_folder_of_the_users_that_has_such_a_name_is_never_touched(root: Path) -> None:
    results = root / "claimbench-test-of-mine" / "results.json"
    results.parent.mkdir()
    results.write_text("{}")
    made_long_ago(results.parent)

    make_scratch_folder("test").release()

    assert results.exists()


def test_a_link_that_looks_like_a_folder_of_ours_is_not_followed(root: Path) -> None:
    target = root / "precious"
    target.mkdir()
    (target / LOCK).touch()
    (root / "claimbench-test-link").symlink_to(target)

    make_scratch_folder("test").release()

    assert target.exists()
