"""What the command makes of where it is called: behind a proxy, beside other servers, on any terminal."""

import codecs
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from claimbench.errors import ExitCode, UsageError

OWN_SERVERS = ("embedded", "container")
"""The words of `--database` that mean a server which we start."""
VARIABLE = "DATABASE_URL"
"""Where `auto` looks for a server of the user's."""
_TALK = {"PGCLIENTENCODING": "UTF8", "PGDATESTYLE": "ISO"}
"""What the drivers and we understand. Said, not left out: a role may have settings of its own, and these
variables come before them.
"""
_LIBPQ = (
    *("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE"),
    *("PGREQUIREAUTH", "PGCHANNELBINDING", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS", "PGAPPNAME"),
    *("PGSSLMODE", "PGREQUIRESSL", "PGSSLCOMPRESSION", "PGSSLCERT", "PGSSLKEY", "PGSSLCERTMODE"),
    *("PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLSNI", "PGSSLNEGOTIATION"),
    *("PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGREQUIREPEER", "PGKRBSRVNAME", "PGGSSLIB"),
    *("PGGSSENCMODE", "PGGSSDELEGATION", "PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS"),
    *("PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION", "PGTZ", "PGGEQO"),
)
"""The variables of libpq (PostgreSQL 18 documentation, 32.15)."""

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


def look_here_for_modules() -> None:
    """A user's `module:attribute` lies where the command was called; our child processes look there too.

    Raises `UsageError` when that folder is no more.
    """
    try:
        here = str(Path.cwd())
    except FileNotFoundError:
        raise UsageError("is gone", where="this folder", remedy="go to one that exists") from None
    if here not in sys.path:
        sys.path.insert(0, here)
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([here, *([inherited] if inherited else [])])


def draw_to_files() -> None:
    """Draw in no window, whatever `MPLBACKEND` says."""
    os.environ["MPLBACKEND"] = "svg"


def forget_other_servers(database: str) -> None:
    """Let what the environment says of other servers (PGSSLMODE, PGOPTIONS …) not reach one that we start.

    database: as `--database` has it. For a server of the user's all of that holds, but for how libpq talks.
    """
    theirs = os.environ.get(VARIABLE) if database == "auto" else database not in OWN_SERVERS
    for name in () if theirs else _LIBPQ:
        os.environ.pop(name, None)
    os.environ.update(_TALK)


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


def leave_without(module: str) -> NoReturn:
    """Say which package is missing, and how all that we use is installed."""
    sys.stderr.write(f"claimbench: {module} is not installed; pip install 'claimbench[all]'\n")
    sys.exit(ExitCode.USAGE)
