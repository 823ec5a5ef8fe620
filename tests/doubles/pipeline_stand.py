"""A stage for the pipelines: a clone, a fake API behind the real client, simulated time, what must hold."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import BinaryIO

import httpx2
import openai
from sqlalchemy import URL, Engine, create_engine, text

from claimbench.impl.errors import ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.integration import Flags, IntegratedPipeline
from claimbench.impl.naive import NaivePipeline
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.optimized import OptimizedPipeline
from claimbench.impl.ports import ApiBatch, BatchApi, Completion, Pipeline, PipelineContext, Policy
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, Fault, FaultKind, Faults
from claimbench.loadgen.fake_openai.limits import ROOMY, Limits
from claimbench.loadgen.fake_openai.wire import ApiRequest, Loss
from claimbench.loadgen.oracle.rows import read_rows
from claimbench.loadgen.workloads.batch_pipeline.clock import SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.session import left_in
from claimbench.loadgen.workloads.work import Piece, Work, WorkDone

STEP = timedelta(minutes=20)
"""Longer than a lease, so that what a dead scheduler claimed is free at the next run."""

ARMS: Mapping[str, Callable[[PipelineContext], Pipeline]] = {
    "naive": NaivePipeline,
    "optimized": OptimizedPipeline,
    "integrated": lambda context: IntegratedPipeline(context, Flags()),
}


def faults(kind: FaultKind, **how: object) -> Faults:
    return Faults(fault=(Fault(kind=kind, **how),))


def client_of(fake: FakeOpenAI) -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path, query = request.url.path, request.url.query.decode()
        response = fake.handle(ApiRequest(request.method, path, query, headers, request.read()))
        if response.delivery.loss is not Loss.NONE:
            raise httpx2.ReadTimeout("lost", request=request)
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        if response.delivery.sent_share < 1:
            sent = body[: int(len(body) * response.delivery.sent_share)]
            return httpx2.Response(response.status, headers=response.headers, stream=Broken(sent))
        return httpx2.Response(response.status, headers=response.headers, content=body)

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(
        api_key="test", base_url="https://api.openai.com/v1", http_client=transport, max_retries=0
    )


class Broken(httpx2.SyncByteStream):
    """A body whose connection breaks in the middle."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def __iter__(self) -> Iterator[bytes]:
        yield self._sent
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


@dataclass
class Scene:
    """One clone and one fake; pipelines are built on them as often as wanted."""

    url: URL
    engine: Engine
    fake: FakeOpenAI
    clock: SimulatedClock
    api: BatchApi
    policy: Policy = field(default_factory=Policy)
    events: list[Event] = field(default_factory=list)

    def pipeline(self, arm: str, api: BatchApi | None = None) -> Pipeline:
        return ARMS[arm](PipelineContext(self.engine, api or self.api, self.policy, self.events.append))

    def drive(self, arm: str, runs: int = 8, step: timedelta = STEP) -> None:
        pipeline = self.pipeline(arm)
        for _ in range(runs):
            pipeline.run(self.clock.now())
            self.clock.advance(step)

    def count(self, kind: EventKind) -> int:
        return sum(event.kind is kind for event in self.events)

    def rows(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), parameters)]

    def change(self, statement: str, **parameters: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def work_done(self, arm: str) -> WorkDone:
        submitted = self.fake.meters().submitted
        sent = tuple(
            Piece(f"{one.channel} request {one.custom_id or ''}", (one.body.decode(),)) for one in submitted
        )
        return WorkDone(arm, Work(sent, left_in(read_rows(self.engine))))

    def unfinished(self) -> list[tuple[object, ...]]:
        """The requests of active companies that are neither complete nor abandoned."""
        return self.rows(
            """SELECT r.id, r.status, r.attempts, r.error FROM ai_processing_request r
               JOIN session s ON s.id = r.session_id JOIN company c ON c.id = s.company_id
               WHERE c.status = 'ACTIVE' AND r.status NOT IN ('PROCESSING_COMPLETE', 'PROCESSING_ABANDONED')
               ORDER BY r.id"""
        )


@contextmanager
def scene_on(
    url: URL,
    *,
    injected: Faults = NO_FAULTS,
    failed_line_rate: float = 0.0,
    limits: Limits = ROOMY,
    policy: Policy | None = None,
) -> Iterator[Scene]:
    clock = SimulatedClock(EPOCH)
    fake = FakeOpenAI(
        seed=3, clock=clock.timestamp, faults=injected, failed_line_rate=failed_line_rate, limits=limits
    )
    engine = create_engine(url, pool_size=8)
    try:
        with client_of(fake) as client:
            yield Scene(url, engine, fake, clock, OpenAIBatchApi(client), policy or Policy())
    finally:
        engine.dispose()
        fake.close()


class Crash(Exception):  # noqa: N818 (not an error of the code: the end of a process, as far as it can be played)
    """The process ends here."""


class CrashingApi:
    """A `BatchApi` that crashes at its n-th call, before the call or after it had its effect."""

    def __init__(self, api: BatchApi, at: int, *, after: bool) -> None:
        self._api, self._at, self._after = api, at, after
        self.calls = 0

    def _played(self, call: Callable[[], object]) -> object:
        self.calls += 1
        number = self.calls
        if number == self._at and not self._after:
            raise Crash
        result = call()
        if number == self._at:
            raise Crash
        return result

    def upload(self, filename: str, lines: BinaryIO) -> str:
        return str(self._played(lambda: self._api.upload(filename, lines)))

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        return self._played(lambda: self._api.create_batch(input_file_id, metadata))  # type: ignore[return-value]

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        return self._played(lambda: self._api.find_batches(keys, since))  # type: ignore[return-value]

    def retrieve(self, batch_id: str) -> ApiBatch:
        return self._played(lambda: self._api.retrieve(batch_id))  # type: ignore[return-value]

    def download(self, file_id: str) -> Iterator[bytes]:
        return iter(self._played(lambda: list(self._api.download(file_id))))  # type: ignore[call-overload]

    def file_size(self, file_id: str) -> int | None:
        return self._played(lambda: self._api.file_size(file_id))  # type: ignore[return-value]

    def complete(self, body: Mapping[str, object]) -> Completion:
        return self._played(lambda: self._api.complete(body))  # type: ignore[return-value]


class RefusingApi(CrashingApi):
    """A `BatchApi` whose n-th call fails with an error of the API."""

    def __init__(self, api: BatchApi, at: int, error: ApiError) -> None:
        super().__init__(api, at, after=False)
        self._error = error

    def _played(self, call: Callable[[], object]) -> object:
        self.calls += 1
        if self.calls == self._at:
            raise self._error
        return call()
