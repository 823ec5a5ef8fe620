"""Runs an embedded PostgreSQL on behalf of a process, and ends it when that process ends, however it ended.

A program of its own that needs nothing but the standard library: `python -I -S guardian.py REQUEST`,
where REQUEST is JSON. Its standard input is a pipe whose other end the owner holds. When the pipe
closes, by order or because the owner was killed, the server is stopped and its folder removed. A byte on
the pipe restarts the server as an administrator would: every connection is cut, the data stays. Should
the guardian itself be killed, Linux stops the server (PR_SET_PDEATHSIG), and the next run sweeps the
folder.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_S = 20
DISREGARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""They reach the whole group of a terminal; the owner decides what they mean, and the pipe tells us."""


class Heard(Enum):
    """What the guardian waited for."""

    END_OF_OWNER = auto()
    END_OF_SERVER = auto()
    RESTART = auto()


@dataclass(frozen=True, slots=True)
class Request:
    """The server to run: its folder, its command line, and the account to change to, if any."""

    folder: str
    command: list[str]
    uid: int | None
    gid: int | None


def guard(request: Request) -> int:
    """Run the server of the request until the owner is gone; 1 when the server, or its folder, was first."""
    folder = Path(request.folder)
    if not folder.exists():
        return 1
    server = _started(request)
    while (heard := _heard(server)) is Heard.RESTART:
        _stop(server, signal.SIGINT)
        server = _started(request)
    if heard is Heard.END_OF_SERVER:
        return 1
    _stop(server, signal.SIGQUIT)  # at once and without a checkpoint: the data is thrown away
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _started(request: Request) -> subprocess.Popen[bytes]:
    with (Path(request.folder) / "log").open("ab") as log:
        return subprocess.Popen(
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


def _before_start() -> Callable[[], None]:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        for number in DISREGARDED:
            signal.signal(number, signal.SIG_DFL)
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)

    return prepare


def _heard(server: subprocess.Popen[bytes]) -> Heard:
    """Wait for the end of either, or for an order."""
    while server.poll() is None:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            return Heard.RESTART if os.read(sys.stdin.fileno(), 1) else Heard.END_OF_OWNER
    return Heard.END_OF_SERVER


def _stop(server: subprocess.Popen[bytes], how: signal.Signals) -> None:
    server.send_signal(how)
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    for disregarded in DISREGARDED:
        signal.signal(disregarded, signal.SIG_IGN)
    sys.exit(guard(Request(**json.loads(sys.argv[1]))))
