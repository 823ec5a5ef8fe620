"""`--out`: the folder that a run writes."""

import errno
import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from claimbench.errors import UsageError
from claimbench.loadgen.commands.progress import say
from claimbench.loadgen.processes.ending import unwound_when_told


@contextmanager
def own_folder(out: Path | None, scenario: str, results: str) -> Iterator[Path]:
    """The folder to write, made now, so that a long run does not end at a path that cannot be written.

    It is ours until the block ends. One that holds a file named `results`, or that another run is about to
    write, is refused: nothing is overwritten. What was made and stays empty is removed, at SIGTERM too. If
    the block ends early but left its results, the words that draw them are told.
    """
    with unwound_when_told(), _made_folder(out, scenario) as folder, _locked(folder):
        if (folder / results).exists():
            raise _refused(folder, f"already holds a {results}", "name another folder or remove it")
        try:
            yield folder
        except BaseException:
            if (folder / results).exists():
                words = shlex.join(["claimbench", "report", str(folder)])
                say(f"what was measured is kept; draw it with: {words}")
            raise


@contextmanager
def _made_folder(out: Path | None, scenario: str) -> Iterator[Path]:
    folder, made = _made(out) if out else _made_new(scenario)
    try:
        yield folder
    finally:
        with suppress(OSError):  # the first that is not empty keeps those above it
            for path in made:
                path.rmdir()


def _made_new(scenario: str) -> tuple[Path, list[Path]]:
    """A folder of this moment, with a number if another run began in the same second."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder, number = Path("results", f"{scenario}-{stamp}"), 1
    while True:
        with suppress(FileExistsError):
            return _made(folder, exist_ok=False)
        number += 1
        folder = Path("results", f"{scenario}-{stamp}-{number}")


def _made(folder: Path, *, exist_ok: bool = True) -> tuple[Path, list[Path]]:
    """The folder, and which of it and those around it had to be made, the innermost first."""
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=exist_ok)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "nothing may be written into it")
    except OSError as error:
        if isinstance(error, FileExistsError) and folder.is_dir():
            raise
        reason = (error.strerror or str(error)).lower()
        raise _refused(folder, f"cannot be made ({reason})", "name a folder that you may write") from None
    return folder, made


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _refused(folder, f"cannot be read ({reason})", "name a folder of your own") from None
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _refused(folder, "another run is about to write it", "name another folder") from None
    except OSError:
        return  # a file system that knows no locks


def _refused(folder: Path, why: str, remedy: str) -> UsageError:
    return UsageError(why, where=f"--out {folder}", remedy=remedy)
