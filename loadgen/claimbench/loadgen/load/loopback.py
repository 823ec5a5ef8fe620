"""Load goes to this machine, unless somebody says in so many words that another may be loaded.

A generator pointed at someone else's server is an attack.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from claimbench.errors import UsageError


def require_loopback(host: str, allowed: Collection[str] = (), where: str = "") -> str:
    """The address without its trailing slash.

    Raises `UsageError` unless it is http or https to 127.0.0.0/8, ::1 or a name that is allowed. where: the
    file and key that it comes from; `--host` if empty.
    """
    try:
        parts = urlsplit(host)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _refusal(host, "is no address", where) from None
    if parts.scheme not in ("http", "https") or not name:
        raise _refusal(host, "is no http address", where)
    if "@" in parts.netloc:
        raise _refusal("", "the address holds a user or a password", where)
    if parts.query or parts.fragment or not host.isascii() or not host.isprintable() or " " in host:
        raise _refusal(host, "is no address of a whole service", where)
    if is_elsewhere(host) and name not in {each.lower() for each in allowed}:
        raise _refusal(host, "is not this machine", where)
    return host.rstrip("/")


def is_elsewhere(host: str) -> bool:
    """Whether it is another machine than this one."""
    name = urlsplit(host).hostname or ""
    try:
        return not ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name != "localhost"


def _refusal(host: str, what: str, where: str) -> UsageError:
    told = f" {host}" if host.isprintable() and "@" not in host and not where and host else ""
    remedy = "load goes to the loopback only: write http://127.0.0.1:PORT, or allow it by --allow-host NAME"
    return UsageError(what, where=(where or "--host") + told, remedy=remedy)
