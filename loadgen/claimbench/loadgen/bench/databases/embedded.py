"""An embedded server: the wheel's PostgreSQL on a free port of 127.0.0.1, with a random password."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.bench.databases import guardian
from claimbench.loadgen.bench.databases.account import unprivileged_account
from claimbench.loadgen.bench.databases.binaries import readable_binaries
from claimbench.loadgen.bench.databases.connecting import DRIVER, conninfo
from claimbench.loadgen.bench.databases.data_folder import DataFolder, make_data_folder, sweep_data_folders
from claimbench.loadgen.bench.databases.settings import Setting, command_arguments
from claimbench.loadgen.processes.free_port import HOST, free_port

USER = "claimbench"
START_S = 60
ATTEMPTS = 3
"""Somebody else may take the free port between our look and the server's start."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running server: the URL of its maintenance database, where its files are, and the guardian that can
    restart it.
    """

    url: URL
    storage: str
    guardian: "subprocess.Popen[bytes]"

    def restart(self) -> None:
        """Cut every connection, end the server in order, start it on the same port; return when it answers.

        Raises `InvalidMeasurementError` when it does not.
        """
        before = _started_at(self.url)
        if self.guardian.stdin:
            self.guardian.stdin.write(b"r")
            self.guardian.stdin.flush()
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.guardian.poll() is None:
            with suppress(psycopg.OperationalError):
                if _started_at(self.url) != before:
                    return
            time.sleep(0.01)
        raise _failed("the embedded PostgreSQL", "it did not come back after its restart")


def _started_at(url: URL) -> object:
    with psycopg.connect(conninfo(url), connect_timeout=2) as connection:
        return connection.execute("SELECT pg_postmaster_start_time()").fetchone()


@contextmanager
def embedded_server(*settings: Setting, in_memory: bool = False) -> Iterator[Embedded]:
    """Start a server; stop it and remove its data at the end.

    With `in_memory` its files are there, if there is room. `settings` come after our own, so they win.
    Raises `UsageError` when the wheel is not installed and `InvalidMeasurementError` when the server does
    not start.
    """
    sweep_data_folders()
    folder = make_data_folder(in_memory=in_memory)
    password = secrets.token_urlsafe(24)
    try:
        with readable_binaries(folder.path) as binaries:
            _make_cluster(binaries, folder, password)
            with _running(binaries, folder, password, settings) as (url, process):
                yield Embedded(url, folder.storage, process)
    finally:
        folder.release()


def _make_cluster(binaries: Path, folder: DataFolder, password: str) -> None:
    account = unprivileged_account()
    secret = folder.path / "secret"
    descriptor = os.open(secret, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    folder.data.mkdir(mode=0o700)
    if account:
        os.fchown(descriptor, account.uid, account.gid)
        os.chown(folder.data, account.uid, account.gid)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    command = [
        *(str(binaries / "initdb"), "-D", str(folder.data), "-U", USER, "--pwfile", str(secret)),
        *("-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"),
    ]
    making = _guarded(folder, command, signal.SIGKILL)
    try:
        code = making.wait()
    finally:
        _end(making)
    secret.unlink()
    if code:
        raise _failed("initdb", folder.log.read_text(errors="replace"))
    folder.log.unlink()  # what follows is the server's


@contextmanager
def _running(
    binaries: Path, folder: DataFolder, password: str, settings: tuple[Setting, ...]
) -> Iterator[tuple[URL, "subprocess.Popen[bytes]"]]:
    for attempt in range(1, ATTEMPTS + 1):
        port = free_port()
        url = URL.create(DRIVER, USER, password, HOST, port, "postgres")
        process = _start(binaries, folder, port, settings)
        try:
            if _answers(url, process):
                yield url, process
                return
        finally:
            _end(process)
        said = folder.log.read_text(errors="replace") if folder.log.exists() else ""
        if attempt == ATTEMPTS or "could not bind" not in said:
            raise _failed("the embedded PostgreSQL", said)


def _start(
    binaries: Path, folder: DataFolder, port: int, settings: tuple[Setting, ...]
) -> subprocess.Popen[bytes]:
    own = tuple(argument for setting in settings for argument in setting.arguments)
    command = [
        *(str(binaries / "postgres"), "-D", str(folder.data), "-p", str(port)),
        *("-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories="),
        *command_arguments(),
        *own,
    ]
    return _guarded(folder, command, signal.SIGQUIT)


def _guarded(folder: DataFolder, command: list[str], end: signal.Signals) -> subprocess.Popen[bytes]:
    account = unprivileged_account()
    request = guardian.Request(
        folder=str(folder.path),
        command=command,
        uid=account.uid if account else None,
        gid=account.gid if account else None,
        end=end,
    )
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guardian.__file__, json.dumps(asdict(request))],
        stdin=subprocess.PIPE,
        pass_fds=(folder.lock,),  # the guardian keeps the folder locked when we are gone
        start_new_session=True,
        cwd="/",
    )


def _answers(url: URL, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; False when it ended instead."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(conninfo(url), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.01)
        else:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    process.wait()


def _failed(what: str, said: str) -> InvalidMeasurementError:
    lines = [line for line in said.splitlines() if "FATAL" in line or "error" in line.lower()]
    reason = (lines or said.splitlines() or ["no reason was given"])[-1].strip()
    return InvalidMeasurementError(
        f"{what} did not start: {reason}",
        where="--database embedded",
        remedy="free disk and memory, or give a URL with --database",
    )
