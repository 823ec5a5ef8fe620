"""psycopg 3: its two connection classes are all that a pool, an engine or Django makes connections of.

`psycopg.connect` itself is bound where it was imported, so there is no hook in its place.
"""

import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, Trace

from claimbench.loadgen.probes.drivers.libpq_trace import LibpqTrace, unlinked_file
from claimbench.loadgen.probes.drivers.port import Noted, Opened
from claimbench.loadgen.probes.trace import TraceReader

OURS = "claimbench harness"
"""What the harness's own connections call themselves; they are no application's."""


class Psycopg3:
    """The driver `psycopg`. Who wants to know of its texts wraps its cursors, which are classes of Python."""

    module = "psycopg"

    def hook(self, opened: Opened) -> None:
        """Wrap both classes; what is open already is found by the garbage collector's list."""
        kinds = (psycopg.Connection, psycopg.AsyncConnection)
        for each in gc.get_objects():
            if isinstance(each, kinds):
                opened(each)
        for kind in kinds:
            kind.__init__ = _told(kind.__init__, opened)  # type: ignore[method-assign]

    def attach(self, connection: Any, reader: TraceReader, noted: Noted) -> LibpqTrace:  # noqa: ARG002 (see above)
        """Trace this connection from here on."""
        pgconn, descriptor = connection.pgconn, unlinked_file()

        def stop() -> None:
            with suppress(psycopg.Error):
                if pgconn.status == ConnStatus.OK:
                    pgconn.untrace()

        pgconn.trace(descriptor)
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        return LibpqTrace(descriptor, reader, stop)

    def is_open(self, connection: Any) -> bool:
        """Whether it is not closed."""
        return not connection.closed

    def conninfo(self, connection: Any) -> str | None:
        """Its own text, and the password that psycopg leaves out of it."""
        info = connection.info
        if info.parameter_status("application_name") == OURS:
            return None
        return make_conninfo(info.dsn, password=info.password or None)


def _told(opened: Callable[..., None], tell: Opened) -> Callable[..., None]:
    def __init__(connection: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807 (it stands in for one)
        opened(connection, *arguments, **options)
        tell(connection)

    return __init__
