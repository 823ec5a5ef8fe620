"""Looks at the service and its database once a second, and restarts the database in the middle."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import URL

from claimbench.loadgen.bench.databases import Server
from claimbench.loadgen.bench.databases.connecting import conninfo
from claimbench.loadgen.load.tested_service import TestedService
from claimbench.reports.record.soak import SoakSample

EACH_S = 1.0
ANSWER_S = 2
"""How long the database may take to answer a look, in seconds; a late look is one that found it away."""

_LOOK = b"""
    SELECT (SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()),
           (SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
            WHERE datname = current_database() AND pid <> pg_backend_pid()),
           (SELECT count(*) FROM ai_processing_request WHERE status = 'PENDING_BATCHING'),
           (SELECT count(*) FROM ai_processing_request WHERE status IN (
                'PENDING_BATCHING', 'BATCHING_IN_PROGRESS', 'PROCESSING_FAILED', 'RETRY_IN_PROGRESS'))
"""


@dataclass
class Watch:
    """What was seen so far; times are seconds since `begun` of the monotonic clock."""

    service: TestedService
    url: URL
    begun_s: float
    samples: list[SoakSample] = field(default_factory=list)

    def elapsed_s(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self.begun_s

    def look(self) -> None:
        """Take one sample."""
        at_s, memory = self.elapsed_s(), self.service.memory_bytes()
        connections, locks, pending, unfinished = self._ask() or (None,) * 4
        self.samples.append(
            SoakSample(
                at_s=at_s,
                memory_bytes=memory,
                connections=connections,
                locks=locks,
                pending=pending,
                unfinished=unfinished,
            )
        )

    def _ask(self) -> tuple[int, ...] | None:
        options = f"-c statement_timeout={ANSWER_S}s"
        try:
            with psycopg.connect(conninfo(self.url), connect_timeout=ANSWER_S, options=options) as connection:
                return connection.execute(_LOOK).fetchone()
        except psycopg.Error:
            return None


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Look every second while the block runs."""
    ends = threading.Event()

    def go_on() -> None:
        while not ends.wait(EACH_S):
            watch.look()

    with _concurrently(go_on):
        try:
            yield
        finally:
            ends.set()


@dataclass
class Outage:
    """When the database was told to restart and when it answered again, in seconds since the load began."""

    at_s: float = 0.0
    answered_at_s: float = 0.0
    error: BaseException | None = None


@contextmanager
def restarted(server: Server, watch: Watch, after_s: float) -> Iterator[Outage]:
    """Restart the server so many seconds after the load began; an error of that is raised at the end."""
    outage, ends = Outage(), threading.Event()

    def restart() -> None:
        if ends.wait(max(after_s - watch.elapsed_s(), 0)):
            return
        outage.at_s = watch.elapsed_s()
        try:
            server.restart()
        except Exception as error:
            outage.error = error
        outage.answered_at_s = watch.elapsed_s()

    with _concurrently(restart):
        try:
            yield outage
        finally:
            ends.set()
    if outage.error is not None:
        raise outage.error


@contextmanager
def _concurrently(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
