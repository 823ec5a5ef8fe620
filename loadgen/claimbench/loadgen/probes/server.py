"""What the server itself counted for one database: pg_stat_statements, read from another database of ours.

Executions are top-level commands: what triggers and functions run inside them is not counted twice, and
neither are the driver's own PREPARE and DEALLOCATE (17 counts them, older versions do not). `rows` are
rows returned or changed. `buffers` are the pages that the commands touched: shared and local ones, in
the cache or not, and temporary ones.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.bench.databases.connecting import connect, explained, without_password
from claimbench.loadgen.bench.databases.server import Server
from claimbench.loadgen.probes.reading import Reading, Unit

_QUERY = """
SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(rows), 0)::bigint,
       coalesce(sum(shared_blks_hit + shared_blks_read + local_blks_hit + local_blks_read
                    + temp_blks_read + temp_blks_written), 0)::bigint,
       coalesce(sum(wal_bytes), 0)::bigint,
       (SELECT dealloc FROM pg_stat_statements_info)
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s) AND toplevel
  AND query !~* '^\\s*(prepare|deallocate|discard)\\M'
"""


@dataclass(frozen=True, slots=True)
class _Totals:
    executions: int
    rows: int
    buffers: int
    wal_bytes: int
    evictions: int


_NOTHING = _Totals(0, 0, 0, 0, 0)


class ServerProbe:
    """Reads the server's counters for the database of `url`.

    A context manager; silent without the extension.
    """

    def __init__(self, server: Server, url: URL) -> None:
        self._server, self._database = server, url.database or ""
        self.available = server.facts.pg_stat_statements
        self._connection = connect(server.counters_url) if self.available else None
        self._before = self._totals()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection:
            self._connection.close()

    def lap(self) -> tuple[Reading, ...]:
        """`server_executions`, `rows`, `buffers`, `wal_bytes`; nothing when the server does not count.

        Raises `InvalidMeasurementError` when the server forgot statements meanwhile: the sums would be
        too low.
        """
        if not self.available:
            return ()
        before, now = self._before, self._totals()
        self._before = now
        if now.evictions != before.evictions or now.executions < before.executions:
            raise self._forgotten()
        return (
            Reading("server_executions", Unit.COUNT, now.executions - before.executions),
            Reading("rows", Unit.COUNT, now.rows - before.rows),
            Reading("buffers", Unit.COUNT, now.buffers - before.buffers),
            Reading("wal_bytes", Unit.BYTES, now.wal_bytes - before.wal_bytes),
        )

    def _totals(self) -> _Totals:
        if self._connection is None:
            return _NOTHING
        with explained(self._server.counters_url):
            found = self._connection.execute(_QUERY, [self._database]).fetchone()
        return _Totals(*found) if found else _NOTHING

    def _forgotten(self) -> InvalidMeasurementError:
        return InvalidMeasurementError(
            "pg_stat_statements dropped statements while we counted",
            where=without_password(self._server.admin_url),
            remedy="raise pg_stat_statements.max, or use --database embedded",
        )
