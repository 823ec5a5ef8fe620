"""The base revision beside this one: a git worktree, and an environment of its own."""

import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from claimbench.errors import UsageError
from claimbench.loadgen.gate.contestants import Contestant
from claimbench.loadgen.processes.scratch import scratch_folder


class BaseEnvironment(StrEnum):
    """Which libraries the base revision runs with."""

    OWN = "own"
    """Installed from the base revision itself, in a fresh virtual environment."""
    SHARED = "shared"
    """Those of this environment, for revisions whose requirements are the same."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and where it is checked out."""

    sha: str
    folder: Path
    python: str
    path: tuple[Path, ...]

    def contestant(self, name: str, pipeline: str, indexes: str) -> Contestant:
        """A pipeline as this revision has it."""
        return Contestant(name, pipeline, indexes, self.python, self.folder, self.path)


def sha_of(revision: str, folder: Path) -> str:
    """The commit that a name means; `UsageError` (exit 2) if there is none, or no repository."""
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode != 0:
        raise UsageError(
            "there is no such revision here",
            where=f"--base-rev {revision}",
            remedy="name a commit, branch or tag; in CI fetch it first (fetch-depth: 0)",
        )
    return found.stdout.strip()


@contextmanager
def checked_out(
    revision: str, folder: Path, environment: BaseEnvironment, announce: Callable[[str], None]
) -> Iterator[Revision]:
    """The revision in a worktree, installed; both are gone at the end.

    announce: told before pip begins, which may take minutes, and how long it took. Raises `UsageError`
    (exit 2) if the revision does not exist or does not build.
    """
    sha = sha_of(revision, folder)
    prefix = _git(folder, "rev-parse", "--show-prefix").stdout.strip()
    with scratch_folder("base") as temporary:
        tree = temporary / "tree"
        _must(_git(folder, "worktree", "add", "--detach", str(tree), sha), revision, "cannot be checked out")
        try:
            python = sys.executable
            if environment is BaseEnvironment.OWN:
                begun = time.monotonic()
                announce(
                    f"base revision {sha[:10]}: pip installs it and what it needs, which may take minutes"
                )
                python = _installed(tree / prefix, temporary / "venv", revision)
                announce(f"base revision {sha[:10]}: installed after {time.monotonic() - begun:.0f} s")
            path = () if environment is BaseEnvironment.OWN else _roots(tree / prefix)
            yield Revision(sha, tree / prefix, python, path)
        finally:
            _git(folder, "worktree", "remove", "--force", str(tree))


def _roots(tree: Path) -> tuple[Path, ...]:
    """Where the revision's packages lie: itself, src, and folders that hold portions of this namespace."""
    portions = sorted(folder.parent for folder in tree.glob("*/claimbench") if folder.is_dir())
    return (*portions, *([tree / "src"] if (tree / "src").is_dir() else []), tree)


def _installed(tree: Path, target: Path, revision: str) -> str:
    venv.create(target, with_pip=True)
    python = str(target / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(tree)]
    _must(_ended(command), revision, "does not build")
    needed = "import claimbench.loadgen.passes.turn"
    asked = _ended([python, "-P", "-c", needed])
    if asked.returncode != 0:
        raise UsageError(
            "its own environment has no claimbench that runs, since the revision does not declare it",
            where=f"--base-rev {revision}",
            remedy="declare claimbench there, or share this environment with --base-environment shared",
        )
    return python


def _ended(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run it to its end; when we are told to end first, it and what it has started are gone."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _must(done: subprocess.CompletedProcess[str], revision: str, what: str) -> None:
    if done.returncode == 0:
        return
    last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
    raise UsageError(
        f"{what}: {last[:200]}",
        where=f"--base-rev {revision}",
        remedy="name a revision that installs with pip, or use --base-environment shared",
    )


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UsageError(
            f"git cannot be run ({error.strerror})", where="--base-rev", remedy="install git"
        ) from None
