"""The account that a server runs under, and what it can reach: PostgreSQL refuses to be root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

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


def reachable_by_all(path: Path) -> bool:
    """Whether an account without any right of its own can read the folder and pass all folders above it."""
    resolved = path.resolve()
    passable = all(parent.stat().st_mode & 0o001 for parent in (resolved, *resolved.parents))
    return passable and bool(resolved.stat().st_mode & 0o004)
