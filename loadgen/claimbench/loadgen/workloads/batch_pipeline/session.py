"""One arm of the batch pipeline on one database: its engine, its pipeline, a fake API and simulated time."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Protocol

import httpx
from sqlalchemy import Engine, text

from claimbench.impl.events import EventSink, ignore
from claimbench.impl.ports import Pipeline, Stage
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.meters import Meters
from claimbench.loadgen.fake_openai.respx_adapter import serving
from claimbench.loadgen.fake_openai.server import FakeServer
from claimbench.loadgen.oracle.rows import ANSWER_FIELDS, RequestRow, Rows, SessionRow, read_rows
from claimbench.loadgen.probes.reading import Reading, Unit
from claimbench.loadgen.probes.statements import StatementCount
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import take
from claimbench.loadgen.workloads.batch_pipeline.building import open_pipeline
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH, SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.lookups import company_lookups, stage_lookups
from claimbench.loadgen.workloads.port import Database, Lap
from claimbench.loadgen.workloads.work import Piece, Work
from claimbench.scenarios.model import Api

API_URL = "https://api.openai.com/v1"
"""Where the client believes to be when the fake is in this process: respx answers, and nothing leaves it."""

WITHIN_CACHE_LIFE = timedelta(minutes=1)
"""How long after a scheduler run the next one comes whose company look-ups are the cached ones."""


class Fake(Protocol):
    """A fake API, in this process or in another one."""

    def meters(self) -> Meters:
        """What it was asked since its meters were reset."""

    def reset_meters(self) -> None:
        """Count from zero again."""


@dataclass
class BatchSession:
    """The `ArmSession` of the batch pipeline; `step` passes between two scheduler runs."""

    connections: Engine
    pipeline: Pipeline
    clock: SimulatedClock
    fake: Fake
    step: timedelta
    _sent: list[Piece] = field(default_factory=list)
    _company_lookups_first: int = 0

    def begin_run(self, number: int) -> None:
        """A scheduler run comes one step after the one before."""
        if number:
            self.clock.advance(self.step)

    def take(self, step: str) -> None:
        """Take the stage of this name."""
        take(self.pipeline, Stage(step), self.clock.now())

    def readings(self, lap: Lap) -> tuple[Reading, ...]:
        """Calls of the API, and the look-ups of the stage."""
        meters = self.fake.meters()
        self._sent.extend(_sent(meters))
        self.fake.reset_meters()
        if lap.run == 0:
            self._company_lookups_first += company_lookups(lap.statements)
        return (
            *stage_lookups(Stage(lap.step), lap.statements),
            Reading("api_calls", Unit.COUNT, meters.total_calls),
        )

    def closing_readings(self, sent: Callable[[], tuple[StatementCount, ...]]) -> tuple[Reading, ...]:
        """Company look-ups with a cold and with a warm cache, and how many companies there are to serve.

        A warm one is a further scheduler run that follows another one within the cache's life.
        """
        with self.connections.connect() as connection:
            active = connection.execute(
                text("SELECT count(*) FROM company WHERE status = 'ACTIVE'")
            ).scalar_one()
        self.clock.advance(self.step)
        for _ in range(2):
            sent()
            for stage in Stage:
                take(self.pipeline, stage, self.clock.now())
            self.clock.advance(WITHIN_CACHE_LIFE)
        return (
            Reading("active_companies", Unit.COUNT, active),
            Reading("company_lookups_first", Unit.COUNT, self._company_lookups_first),
            Reading("company_lookups_cached", Unit.COUNT, company_lookups(sent())),
        )

    def work(self) -> Work:
        """The requests as the API saw them, and the rows that the stages may write."""
        sent = (*self._sent, *_sent(self.fake.meters()))
        return Work(sent, left_in(read_rows(self.connections)))


_ACTIVE = text("SELECT count(*) FROM company WHERE status = 'ACTIVE'")


def _sent(meters: Meters) -> Iterator[Piece]:
    for one in meters.submitted:
        name = (
            f"{one.channel.value} request {one.custom_id}"
            if one.custom_id
            else f"{one.channel.value} request"
        )
        yield Piece(name, (one.body.decode(),))


def left_in(rows: Rows) -> tuple[Piece, ...]:
    """What a pipeline left behind, in a form that two pipelines can be compared by.

    How requests are grouped into batches is the pipeline's own business, as batch ids, keys and file ids are;
    what became of the batch that a request is in, is not. Of an error only its presence counts: its words are
    free. Which of several answers a session holds depends on the order in which they came, so on the
    grouping; the invariants say whose it may be.
    """
    requests = (Piece(f"request {row.id}", _left_of(row, rows)) for row in rows.requests.values())
    asked = Counter(row.session_id for row in rows.requests.values())
    sessions = (
        Piece(f"session {row.id}", _said_of(row) if asked[row.id] > 1 else _values(row, ANSWER_FIELDS))
        for row in rows.sessions.values()
    )
    return (*requests, *sessions)


def _left_of(row: RequestRow, rows: Rows) -> tuple[str, ...]:
    batch = rows.batches.get(row.batch_id) if row.batch_id is not None else None
    of_batch = (
        {f"batch_{name}": getattr(batch, name) for name in _BATCH_COLUMNS} if batch else {"batch": None}
    )
    return _values(row, _REQUEST_COLUMNS, has_error=row.error is not None, **of_batch)


def _said_of(row: SessionRow) -> tuple[str, ...]:
    return tuple(f"{name} is {'none' if getattr(row, name) is None else 'given'}" for name in ANSWER_FIELDS)


_REQUEST_COLUMNS = (
    "id",
    "status",
    "attempts",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "completed_at",
)
_BATCH_COLUMNS = ("company_id", "model", "status", "outcome", "completed_at", "processed_at")


def _values(row: object, columns: tuple[str, ...], **more: object) -> tuple[str, ...]:
    shown = {column: getattr(row, column) for column in columns} | more
    return tuple(f"{column}={value}" for column, value in shown.items())


class SharedClock(SimulatedClock):
    """Simulated time that the fake API's process is told of."""

    def __init__(self, start: datetime, url: str, client: httpx.Client) -> None:
        super().__init__(start)
        self._url, self._client = url, client
        self._tell()

    def advance(self, step: timedelta) -> None:
        """Let time pass, here and there."""
        super().advance(step)
        self._tell()

    def _tell(self) -> None:
        self._client.post(self._url, json={"now": self.timestamp()}).raise_for_status()


@cache
def _control_client() -> httpx.Client:
    """One for all sessions of this process, made while warming up: it is not in any arm's memory."""
    return httpx.Client(timeout=60)


@dataclass(frozen=True, slots=True)
class ArmCall:
    """Which pipeline is opened, what its fake API does, and how far its scheduler runs are apart."""

    pipeline: str
    api: Api
    step: timedelta
    events: EventSink = ignore


@contextmanager
def open_session(call: ArmCall, database: Database) -> Iterator[BatchSession]:
    """Build the pipeline on the database, with a fresh fake API, here or at `database.service`."""
    with ExitStack() as stack:
        if database.service:
            server = FakeServer(database.service)
            _control_client().post(server.reset_url).raise_for_status()  # it has forgotten earlier sessions
            clock: SimulatedClock = SharedClock(EPOCH, server.clock_url, _control_client())
            fake: Fake = server
        else:
            clock = SimulatedClock(EPOCH)
            fake = stack.enter_context(fake_here(call.api, clock))
        api_url = database.service or API_URL
        built = stack.enter_context(open_pipeline(call.pipeline, database.url, api_url, call.events))
        yield BatchSession(built.engine, built.pipeline, clock, fake, call.step)


@contextmanager
def fake_here(api: Api, clock: SimulatedClock) -> Iterator[FakeOpenAI]:
    """A fake API that answers in this process, at `API_URL`."""
    fake = FakeOpenAI(seed=api.seed, clock=clock.timestamp, failed_line_rate=api.failed_line_rate)
    try:
        with serving(fake, base_url=API_URL):
            yield fake
    finally:
        fake.close()
