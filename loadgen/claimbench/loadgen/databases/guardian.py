"""Runs an embedded PostgreSQL on behalf of a process, and ends it when that process ends, however it ended.

A program of its own that needs nothing but the standard library: `python -I -S guardian.py REQUEST`,
where REQUEST is JSON. Its standard input is a pipe whose other end the owner holds. When the pipe
closes, by order or because the owner was killed, the server is stopped and its folder removed. Should
the guardian itself be killed, Linux stops the server (PR_SET_PDEATHSIG), and the next run sweeps the
folder.
"""

import ctypes
import json
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_S = 20
DISREGARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""They reach the whole group of a terminal; the owner decides what they mean, and the pipe tells us."""


@dataclass(frozen=True, slots=True)
class Request:
    """The server to run: its folder, its command line, and the account to change to, if any."""

    folder: str
    command: list[str]
    uid: int | None
    gid: int | None


def guard(request: Request) -> int:
    """Run the server of the request until the owner is gone; 1 when the server ended first."""
    folder = Path(request.folder)
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            request.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            preexec_fn=_before_start(),  # noqa: PLW1509 (this process has one thread)
            user=request.uid,
            group=request.gid,
            extra_groups=None if request.uid is None else [],
        )
    if _owner_outlives(server):
        return 1
    _stop(server)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _before_start() -> Callable[[], None]:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        for number in DISREGARDED:
            signal.signal(number, signal.SIG_DFL)
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)

    return prepare


def _owner_outlives(server: subprocess.Popen[bytes]) -> bool:
    """Wait for the end of either; true when the server was the first to go."""
    while server.poll() is None:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            return False
    return True


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGQUIT)  # at once and without a checkpoint: the data is thrown away
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    for disregarded in DISREGARDED:
        signal.signal(disregarded, signal.SIG_IGN)
    sys.exit(guard(Request(**json.loads(sys.argv[1]))))
