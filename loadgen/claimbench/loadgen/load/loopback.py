"""Load goes to this machine only: a generator pointed at someone else's server is an attack."""

import ipaddress
from urllib.parse import urlsplit

from claimbench.errors import UsageError


def require_loopback(host: str) -> str:
    """The address without its trailing slash. Raises `UsageError` unless it is http to 127.0.0.0/8 or ::1."""
    try:
        parts = urlsplit(host)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _refusal(host, "is no address") from None
    if parts.scheme != "http" or not name:
        raise _refusal(host, "is no http address")
    if name != "localhost" and not _is_loopback(name):
        raise _refusal(host, "is not this machine")
    return host.rstrip("/")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refusal(host: str, what: str) -> UsageError:
    where = f"--host {host}" if host else "--host"
    return UsageError(what, where=where, remedy="load goes to the loopback only: write http://127.0.0.1:PORT")
