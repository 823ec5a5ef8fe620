"""The command as users call it, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
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


def claimbench(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> Ended:
    process = subprocess.run(
        [sys.executable, "-m", "claimbench.loadgen", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ARMS), "COLUMNS": "120", **NO_ENGINE, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)


@dataclass(frozen=True)
class SmokeRun:
    """A run of the smoke scenario and the folder that it wrote."""

    ended: Ended
    folder: Path
