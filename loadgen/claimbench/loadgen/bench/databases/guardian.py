"""Runs a program of an embedded PostgreSQL, `initdb` and then the server, on behalf of a process, and ends it
when that process ends, however it ended.

A program of its own that needs nothing but the standard library: `python -I -S guardian.py REQUEST`,
where REQUEST is JSON. Its standard input is a pipe whose other end the owner holds. When the pipe
closes, by order or because the owner was killed, the program is stopped and its folder removed. A byte on
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
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_S = 20
LOOK_S = 5
DISREGARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""They reach the whole group of a terminal; the owner decides what they mean, and the pipe tells us."""


class Heard(Enum):
    """What the guardian waited for."""

    END_OF_OWNER = auto()
    END_OF_SERVER = auto()
    RESTART = auto()


@dataclass(frozen=True, slots=True)
class Request:
    """The program to run: its folder, its command line, the account to change to, if any, and the number of
    the signal that ends it at once.
    """

    folder: str
    command: list[str]
    uid: int | None
    gid: int | None
    end: int = signal.SIGQUIT


def guard(request: Request) -> int:
    """Run the program of the request until the owner is gone. When it ended first, what it ended with, or 1
    where its folder is gone.
    """
    folder = Path(request.folder)
    if not folder.exists():
        return 1
    children = _ends_of_children()
    server = _started(request)
    while (heard := _heard(server, children)) is Heard.RESTART:
        _stop(server, signal.SIGINT)
        server = _started(request)
    if heard is Heard.END_OF_SERVER:
        return abs(int(server.returncode))
    _stop(server, request.end)  # at once and without a checkpoint: the data is thrown away
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
            preexec_fn=_before_start(request.end),  # noqa: PLW1509 (this process has one thread)
            user=request.uid,
            group=request.gid,
            extra_groups=None if request.uid is None else [],
        )


def _before_start(end: int) -> Callable[[], None]:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        for number in DISREGARDED:
            signal.signal(number, signal.SIG_DFL)
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, end)

    return prepare


def _ends_of_children() -> int:
    """A descriptor that can be read from when a child may have ended, so nobody looks again and again."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(told)
    return heard


def _heard(server: subprocess.Popen[bytes], children: int) -> Heard:
    """Wait for the end of either, or for an order."""
    while server.poll() is None:
        ready, _, _ = select.select([sys.stdin, children], [], [], LOOK_S)
        if sys.stdin in ready:
            return Heard.RESTART if os.read(sys.stdin.fileno(), 1) else Heard.END_OF_OWNER
        if ready:
            os.read(children, 64)
    return Heard.END_OF_SERVER


def _stop(server: subprocess.Popen[bytes], how: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it may have ended by itself meanwhile
        os.killpg(server.pid, how)  # a session of its own, in which the helpers of initdb are, too
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


if __name__ == "__main__":
    for disregarded in DISREGARDED:
        signal.signal(disregarded, signal.SIG_IGN)
    sys.exit(guard(Request(**json.loads(sys.argv[1]))))
