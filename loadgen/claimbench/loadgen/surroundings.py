"""What the command makes of where it is called: behind a proxy, or on a terminal that is not UTF-8."""

import codecs
import io
import os
from collections.abc import Iterable

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PLAIN = str.maketrans(
    {"✓": "+", "✗": "x", "─": "-", "−": "-", "–": "-", "…": "...", "×": "x", "→": "->", "≥": ">=", "·": "-"}
)
_HANDLER = "claimbench.plain"


def reach_loopback_directly() -> None:
    """Ask no proxy of the environment for this machine; our child processes inherit that."""
    said = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")  # the first one wins everywhere
    given = [host.strip() for host in said.split(",") if host.strip()]
    if "*" not in given:
        excepted = ",".join([*given, *(host for host in LOOPBACK if host not in given)])
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = excepted


def write_plainly(streams: Iterable[object]) -> None:
    """Where a stream's encoding lacks one of our signs, write a plainer one instead of failing."""
    codecs.register_error(_HANDLER, _plainer)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return plain.encode("ascii", "replace").decode("ascii"), error.end
