"""The command as users call it, in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ARMS = Path(__file__).parent
NO_ENGINE = {"DOCKER_HOST": "unix:///no/engine"}
"""What is not about containers starts its own server at once, whatever engine a machine has."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


COMMAND = (sys.executable, "-m", "claimbench.loadgen")


def surroundings(environment: Mapping[str, str] | None) -> Mapping[str, str]:
    """The variables of the command: those of the tests, but not that it is one, and what was given."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {**inherited, "PYTHONPATH": str(ARMS), "COLUMNS": "120", **NO_ENGINE, **(environment or {})}


def claimbench(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> Ended:
    process = subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=surroundings(environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)


@contextmanager
def begun(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """The command on its way; it is gone at the end."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=surroundings(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told_to_end(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[Ended, float]:
    """How it ended, and how many seconds after the signal."""
    told = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err), time.monotonic() - told


@dataclass(frozen=True)
class SmokeRun:
    """A run of the smoke scenario and the folder that it wrote."""

    ended: Ended
    folder: Path
