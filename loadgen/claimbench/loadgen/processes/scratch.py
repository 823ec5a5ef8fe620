"""Temporary folders that are not left behind.

Each is locked while its owner lives. Whoever makes the next of its kind removes those whose lock is free,
which is how a SIGKILL leaves them. A folder that has no lock file is not ours, whatever its name.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LOCK = ".claimbench-lock"
_DRAFT = ".claimbench-lock-draft"
UNLOCKED_AGE_S = 600
"""A folder without a lock file may be a moment old: its owner gets this long to lock it."""


@dataclass(frozen=True, slots=True)
class LockedFolder:
    """A folder of ours, and the descriptor of its lock: whoever inherits that keeps the folder alive."""

    path: Path
    lock: int

    def release(self) -> None:
        """Remove the folder, then let go of its lock."""
        _remove(self.path)
        os.close(self.lock)


@contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """A folder among the temporary files, for as long as the block runs; nobody else can read it."""
    folder = make_scratch_folder(kind)
    try:
        yield folder.path
    finally:
        folder.release()


def make_scratch_folder(kind: str) -> LockedFolder:
    """The same, for who releases it."""
    root, prefix = Path(tempfile.gettempdir()), f"claimbench-{kind}-"
    sweep(root.glob(f"{prefix}*"))
    return make_locked_folder(root, prefix)


def make_locked_folder(root: Path, prefix: str) -> LockedFolder:
    """Make a folder that is locked before any sweep can see a lock file that is free."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    lock = os.open(path / _DRAFT, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (path / _DRAFT).rename(path / LOCK)
    return LockedFolder(path, lock)


def _nothing(_: Path) -> None:
    return


def sweep(folders: Iterable[Path], bury: Callable[[Path], None] = _nothing) -> tuple[Path, ...]:
    """Remove those of our folders whose owners are gone; return what was removed.

    bury: told of each such folder before it goes.
    """
    return tuple(folder for folder in folders if _removed(folder, bury))


def _removed(folder: Path, bury: Callable[[Path], None]) -> bool:
    try:
        status = folder.lstat()
        if status.st_uid != os.geteuid() or not folder.is_dir() or folder.is_symlink():
            return False
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return _removed_half_made(folder)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        bury(folder)
        return _remove(folder)
    finally:
        os.close(lock)


def _remove(folder: Path) -> bool:
    """Remove all, the lock last: what somebody writes there meanwhile is left to a later sweep."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != LOCK:
                path.unlink(missing_ok=True)
        if [path.name for path in folder.iterdir()] == [LOCK]:
            shutil.rmtree(folder)
    return not folder.exists()


def _removed_half_made(folder: Path) -> bool:
    """Its maker may have died before it was locked. It is empty then: what has content is somebody else's."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime > UNLOCKED_AGE_S:
            (folder / _DRAFT).unlink(missing_ok=True)
            folder.rmdir()
            return True
    return False
