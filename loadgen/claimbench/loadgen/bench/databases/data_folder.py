"""Data folders of embedded servers, which another account must reach and which may lie in memory."""

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from claimbench.loadgen.bench.databases.account import reachable_by_all, unprivileged_account
from claimbench.loadgen.processes.scratch import LockedFolder, make_locked_folder, sweep

PREFIX = "claimbench-postgres-"
SHARED_ROOTS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (mkdtemp)
MEMORY_ROOT = Path("/dev/shm")  # noqa: S108 (mkdtemp)
MEMORY_BYTES = 4 << 30
"""So much must be free there: the write-ahead log alone may grow as large before it is recycled."""


@dataclass(frozen=True, slots=True)
class DataFolder(LockedFolder):
    """The folder of one embedded server."""

    @property
    def data(self) -> Path:
        """Where the cluster goes."""
        return self.path / "data"

    @property
    def storage(self) -> str:
        """What it lies on: memory or disk."""
        return "memory" if self.path.parent == MEMORY_ROOT else "disk"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.path / "log"


def data_root() -> Path:
    """Where data folders are made: among the temporary files, if the server's account gets there."""
    usual = Path(tempfile.gettempdir())
    if unprivileged_account() is None:
        return usual
    return next((root for root in (usual, *SHARED_ROOTS) if reachable_by_all(root)), usual)


def memory_root() -> Path | None:
    """Where data folders are made in memory; None where there is no such place, too little room in it, or
    `TMPDIR` says that temporary files belong elsewhere.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY_ROOT, os.W_OK | os.X_OK):
        return None
    if unprivileged_account() and not reachable_by_all(MEMORY_ROOT):
        return None
    return MEMORY_ROOT if shutil.disk_usage(MEMORY_ROOT).free >= MEMORY_BYTES else None


def make_data_folder(*, in_memory: bool = False) -> DataFolder:
    """Make a folder, in memory if wished and possible."""
    root = (memory_root() if in_memory else None) or data_root()
    folder = make_locked_folder(root, PREFIX)
    folder.path.chmod(0o711)  # the server may run as another user, who must be able to pass
    return DataFolder(folder.path, folder.lock)


def sweep_data_folders() -> tuple[Path, ...]:
    """Remove the folders of dead owners, with servers that outlived them; return what was removed."""
    folders = (folder for root in (data_root(), MEMORY_ROOT) for folder in root.glob(f"{PREFIX}*"))
    return sweep(folders, _stop_orphan)


def _stop_orphan(folder: Path) -> None:
    """Stop a server that runs on the folder.

    Where the system cannot tie it to its parent, it may outlive it.
    """
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        if str(folder / "data") in process.cmdline():
            process.send_signal(signal.SIGQUIT)
            process.wait(10)
