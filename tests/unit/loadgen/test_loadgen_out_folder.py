"""The folder that a run writes: nothing is overwritten, and nothing empty is left behind."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.commands import out_folder
from claimbench.loadgen.commands.out_folder import own_folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_runs_that_begin_in_the_same_second_get_a_folder_each() -> None:
    with (
        own_folder(None, "smoke", "results.json") as one,
        own_folder(None, "smoke", "results.json") as two,
        own_folder(None, "smoke", "results.json") as three,
    ):
        assert len({one, two, three}) == 3
        assert {folder.parent for folder in (one, two, three)} == {Path("results")}


def test_a_folder_that_another_run_is_about_to_write_is_refused() -> None:
    with (
        own_folder(Path("out"), "smoke", "results.json"),
        pytest.raises(UsageError, match="--out out: another run is about to write it"),
        own_folder(Path("out"), "smoke", "results.json"),
    ):
        pass


def test_a_folder_is_free_again_after_a_run() -> None:
    for name in ("one.json", "two.json"):
        with own_folder(Path("out"), "smoke", name) as folder:
            (folder / name).write_text("{}")

    assert {path.name for path in Path("out").iterdir()} == {"one.json", "two.json"}


def test_a_run_that_ends_early_leaves_no_empty_folders(here: Path) -> None:
    (here / "mine").mkdir()
    for out in (None, Path("mine"), Path("mine", "deep", "er")):
        with pytest.raises(KeyboardInterrupt), own_folder(out, "smoke", "results.json"):
            raise KeyboardInterrupt

    assert [*here.rglob("*")] == [here / "mine"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), OSError(errno.ENOSPC, "full")])
def test_who_ends_after_the_results_are_written_is_told_how_to_draw_them(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> None:
        with own_folder(Path("my report"), "smoke", "results.json") as folder:
            (folder / "results.json").write_text("{}")
            raise error

    with pytest.raises(type(error)):
        run()

    assert capsys.readouterr().out == (
        "what was measured is kept; draw it with: claimbench report 'my report'\n"
    )


def test_what_was_written_stays() -> None:
    with own_folder(Path("a", "b"), "smoke", "results.json") as folder:
        (folder / "kept").touch()

    assert Path("a", "b", "kept").exists()


def test_a_sigterm_leaves_no_empty_folders(here: Path) -> None:
    code = """
import os, signal
from claimbench.loadgen.commands.out_folder import own_folder
with own_folder(None, "smoke", "results.json") as folder:
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (ended.returncode, ended.stdout[:14]) == (143, "results/smoke-")
    assert [*here.iterdir()] == []


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_path_through_a_file_is_refused_in_words(here: Path, out: str) -> None:
    (here / "file").write_text("precious")

    with (
        pytest.raises(UsageError, match=rf"--out {out}: cannot be made \("),
        own_folder(Path(out), "smoke", "results.json"),
    ):
        pass

    assert (here / "file").read_text() == "precious"


def test_a_folder_that_cannot_be_read_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("closed").mkdir()

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(out_folder.os, "open", refuse)  # root, who may run this, may read everything
    with (
        pytest.raises(UsageError, match=r"--out closed: cannot be read \(permission denied\)"),
        own_folder(Path("closed"), "smoke", "results.json"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_exists_and_cannot_be_written_is_refused(here: Path) -> None:
    (here / "theirs").mkdir(mode=0o555)
    with pytest.raises(UsageError, match="--out theirs"), own_folder(Path("theirs"), "smoke", "results.json"):
        pass


def test_a_folder_below_one_that_cannot_be_looked_into_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "exists", denied)
    with (
        pytest.raises(UsageError, match="--out closed/x: cannot be made \\(permission denied\\)"),
        own_folder(Path("closed", "x"), "smoke", "results.json"),
    ):
        pass
