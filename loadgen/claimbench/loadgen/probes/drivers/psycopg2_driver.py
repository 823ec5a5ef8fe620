"""psycopg2: traced by its own libpq, which ctypes finds in the map of this process.

Its classes are C, so a connection is caught where `psycopg2.connect` makes it, and a text's line is noted by
a cursor class that stands in for the connection's own while it is listened to.
"""

import ctypes
import gc
import os
import re
import sys
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from claimbench.loadgen.probes.drivers.libpq_trace import LibpqTrace, libc, unlinked_file
from claimbench.loadgen.probes.drivers.port import Noted, Opened
from claimbench.loadgen.probes.trace import TraceReader

_NO_TIMESTAMPS = 1
_SENDING = ("execute", "executemany", "callproc", "copy_expert")


class Psycopg2:
    """The driver `psycopg2`."""

    module = "psycopg2"

    def hook(self, opened: Opened) -> None:
        """Wrap what `psycopg2.connect` calls; open connections are in the garbage collector's list."""
        library: Any = sys.modules[self.module]
        kind = library.extensions.connection
        for each in gc.get_objects():
            if isinstance(each, kind):
                opened(each)
        connect = library._connect

        def connected(*arguments: Any, **options: Any) -> Any:
            connection = connect(*arguments, **options)
            opened(connection)
            return connection

        library._connect = connected

    def attach(self, connection: Any, reader: TraceReader, noted: Noted) -> LibpqTrace:
        """Trace this connection from here on."""
        descriptor, library = unlinked_file(), _its_libpq()
        file = ctypes.c_void_p(libc_file(descriptor))
        library.PQtrace(ctypes.c_void_p(connection.pgconn_ptr), file)
        library.PQsetTraceFlags(ctypes.c_void_p(connection.pgconn_ptr), _NO_TIMESTAMPS)
        before = connection.cursor_factory
        connection.cursor_factory = _noting(before or sys.modules[self.module].extensions.cursor, noted)
        found = weakref.ref(connection)

        def stop() -> None:
            still = found()
            if still is not None and not still.closed:
                still.cursor_factory = before
                library.PQuntrace(ctypes.c_void_p(still.pgconn_ptr))
            libc().fclose(file)

        return LibpqTrace(descriptor, reader, stop)

    def is_open(self, connection: Any) -> bool:
        """Whether it is not closed."""
        return not connection.closed

    def conninfo(self, connection: Any) -> str | None:
        """What it was told, and the password that `dsn` hides."""
        info = connection.info
        return make_conninfo(**{**info.dsn_parameters, "password": info.password or None})


def libc_file(descriptor: int) -> int:
    """The address of a C stream that writes where the descriptor does."""
    fdopen = libc().fdopen
    fdopen.restype = ctypes.c_void_p
    return int(fdopen(os.dup(descriptor), b"w"))


@cache
def _its_libpq() -> ctypes.CDLL:
    """The libpq beside psycopg2 in its wheel, or the system's, which a psycopg2 of one's own build uses."""
    paths = dict.fromkeys(re.findall(r"(/\S*/libpq\S*\.so\S*)", Path("/proc/self/maps").read_text()))
    beside = [path for path in paths if "psycopg2" in path]
    return ctypes.CDLL((beside or [path for path in paths if "psycopg_" not in path])[0])


def _noting(kind: type[Any], noted: Noted) -> type[Any]:
    """A cursor class that notes what it sends."""

    def wrapped(name: str) -> Callable[..., Any]:
        sending = getattr(kind, name)

        def send(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            text = query if isinstance(query, str) else _text(query, cursor)
            noted(text, sys._getframe(1), cursor)
            return sending(cursor, query, *arguments, **options)

        return send

    return type(kind.__name__, (kind,), {name: wrapped(name) for name in _SENDING})


def _text(query: Any, cursor: Any) -> str:
    return query.decode(errors="replace") if isinstance(query, bytes) else str(query.as_string(cursor))
