"""What the histories of a process share: a database, an engine for each scheduler, a client of a fake API."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
import psycopg
from sqlalchemy import URL, Engine, create_engine

from claimbench.impl.connecting import open_client
from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases.connecting import connect, conninfo
from claimbench.loadgen.fake_openai.wire import ApiRequest, Loss
from claimbench.loadgen.oracle.recorder import ApiRecorder
from claimbench.loadgen.oracle.trail import TRAIL_STATEMENTS
from claimbench.loadgen.verify.datasets import HistoryDataset
from claimbench.loadgen.verify.mortality import Life, MortalConnection, MortalCursor
from claimbench.loadgen.verify.seeding import reseed
from claimbench.loadgen.workloads.batch_pipeline.building import API_KEY
from claimbench.loadgen.workloads.batch_pipeline.recipe import (
    constraint_statements,
    index_statements,
    table_statements,
)

VACUUM_EVERY = 100
_OPTIONS = "-c synchronous_commit=off -c statement_timeout=60s"
"""Histories end with their process, so nothing need survive a crash of the server."""


class MortalEngine:
    """An engine whose connections live and die with the scheduler that uses it."""

    def __init__(self, url: URL) -> None:
        self._conninfo = conninfo(url)
        self._open: list[MortalConnection] = []
        self.engine = self._make()

    def _make(self) -> Engine:
        return create_engine("postgresql+psycopg://", creator=self._connect, pool_size=4)

    def _connect(self) -> MortalConnection:
        connection = MortalConnection.connect(
            self._conninfo, cursor_factory=MortalCursor, options=_OPTIONS, autocommit=False
        )
        connection.life = self._life
        self._open.append(connection)
        return connection

    _life: Life | None = None

    def give(self, life: Life | None) -> None:
        """From now on the connections are of this life."""
        self._life = life
        self._open = [connection for connection in self._open if not connection.closed]
        for connection in self._open:
            connection.life = life

    def clear(self) -> None:
        """After a death or a cut: what it held is let go, as the server does when a client is gone."""
        self.give(None)
        pool: Any = self.engine.pool
        if pool.checkedout():
            gc.collect()
        if pool.checkedout():
            for connection in self._open:
                connection.close()
            self.engine.dispose()


class Wire:
    """The transport of the client: hands each request to the recorder of the present history."""

    def __init__(self) -> None:
        self.recorder: ApiRecorder | None = None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request; lost responses are raised as what a client sees of them."""
        if self.recorder is None:
            raise httpx2.ConnectError("there is no history")
        url = request.url
        response = self.recorder.handle(
            ApiRequest(
                request.method,
                url.path,
                url.query.decode("ascii", "replace"),
                {name.lower(): value for name, value in request.headers.items()},
                request.read(),
            )
        )
        delivery = response.delivery
        if delivery.loss is Loss.RESET:
            raise httpx2.ReadError("Connection reset by peer")
        if delivery.loss is Loss.TIMEOUT:
            raise httpx2.ReadTimeout("The read operation timed out")
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        if delivery.sent_share < 1:
            return httpx2.Response(
                response.status, headers=dict(response.headers), stream=_Cut(body, delivery.sent_share)
            )
        return httpx2.Response(response.status, headers=dict(response.headers), content=body)


class _Cut(httpx2.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, body: bytes, share: float) -> None:
        self._part = body[: int(len(body) * share)]

    def __iter__(self) -> Iterator[bytes]:
        yield self._part
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


@dataclass
class World:
    """Everything that the histories of one process share."""

    connection: psycopg.Connection
    url: URL
    client: openai.OpenAI
    wire: Wire
    engines: dict[int, MortalEngine] = field(default_factory=dict)
    reseeded: int = 0

    def reset(self, dataset: HistoryDataset) -> None:
        """The tables as a history begins."""
        reseed(self.connection, dataset)
        self.reseeded += 1
        if self.reseeded % VACUUM_EVERY == 0:
            self.connection.execute("VACUUM")

    def is_blocked(self, server_process: int) -> bool:
        """Whether a process of the server waits for another one's lock."""
        found = self.connection.execute(
            "SELECT cardinality(pg_blocking_pids(%s)) > 0", (server_process,)
        ).fetchone()
        return found is not None and bool(found[0])

    def mortal_engine(self, number: int) -> MortalEngine:
        """The engine of this scheduler; 0 is the oracle's."""
        if number not in self.engines:
            self.engines[number] = MortalEngine(self.url)
        return self.engines[number]


@contextmanager
def open_world(url: URL) -> Iterator[World]:
    """Make the tables, with their trail, in an empty database of ours, and all that works on them."""
    wire = Wire()
    with ExitStack() as stack:
        connection = stack.enter_context(connect(url))
        for statement in (
            *table_statements(),
            *constraint_statements(),
            *index_statements(IndexSet.AFTER),
            *TRAIL_STATEMENTS,
        ):
            connection.execute(statement.encode())
        connection.execute("SET synchronous_commit = off")
        superuser = connection.execute(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if superuser and superuser[0]:
            # To reset the tables leaves no trail.
            connection.execute("SET session_replication_role = replica")
        http = stack.enter_context(httpx2.Client(transport=httpx2.MockTransport(wire)))
        client = open_client("https://api.openai.com/v1", API_KEY, http)
        world = World(connection, url, client, wire)
        try:
            yield world
        finally:
            for mortal in world.engines.values():
                mortal.engine.dispose()
