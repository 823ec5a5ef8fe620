"""Which extra a command needs, and what of it is missing here: the distribution's own metadata says both."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

from claimbench.errors import UsageError

_OF_AN_EXTRA = re.compile(r"(?P<name>[\w.-]+).*;.*\bextra\s*==\s*['\"](?P<extra>[\w-]+)['\"]")


def require(extra: str, where: str) -> None:
    """`UsageError` in one line when a package of the extra is not installed."""
    if name := missing_of(extra):
        raise UsageError(f"{name} is not installed", where=where, remedy=f"pip install 'claimbench[{extra}]'")


def missing_of(extra: str) -> str:
    """The first package of an extra that is not installed; empty when nothing is missing."""
    needed = [found for line in requires("claimbench") or () if (found := _OF_AN_EXTRA.match(line))]
    names = (each["name"] for each in needed if each["extra"] == extra)
    return next((name for name in names if not _is_installed(name)), "")


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
