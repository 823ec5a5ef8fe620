"""Schedulers in processes of their own, killed by a real SIGKILL at a call or a commit; and their API."""

import multiprocessing
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
from sqlalchemy import make_url

from claimbench.impl.events import ignore
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import BATCH_KEY, Pipeline, PipelineContext, Policy, Stage, take_stage
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.wire import ApiRequest
from claimbench.loadgen.oracle import Evidence, Violation, judge
from claimbench.loadgen.oracle.api_record import read_api_record
from claimbench.loadgen.oracle.recorder import ApiRecorder
from claimbench.loadgen.oracle.rows import Rows, read_rows
from claimbench.loadgen.oracle.trail import read_trail
from claimbench.loadgen.verify.datasets import HistoryDataset
from claimbench.loadgen.verify.histories import Break
from claimbench.loadgen.verify.mortality import Danger, Life, MortalApi
from claimbench.loadgen.verify.runner import left_and_moved
from claimbench.loadgen.verify.world import MortalEngine, World
from claimbench.loadgen.workloads.batch_pipeline.clock import SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH

STEP = timedelta(minutes=20)
POLICY = Policy(requests_per_batch_min=2, requests_per_batch_max=3, concurrent_companies=3)
DRAIN_RUNS = 14
CLOCK_PATH = "/clock"
"""Below it, a number: the API's clock stands that many steps after the start of the trial at least."""

PRELOADED = (
    "claimbench.impl.integration",
    "claimbench.loadgen.verify.runner",
    "openai.resources",
    "sqlalchemy.dialects.postgresql.psycopg",
)
"""What a scheduler process finds loaded: importing it takes seconds. Only what is installed can be named,
since the fork server does not look where pytest does, and passes over in silence what it does not find."""


class RealLife(Life):
    """It ends as processes end."""

    def end(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a scheduler process does: runs of a pipeline, a STEP apart, and where it dies (None: nowhere)."""

    pipeline: str
    url: str
    api_url: str
    start: datetime
    runs: int
    ends_at: Break | None = None


def visit(api_url: str, step: int) -> None:
    """Tell the API that it is so many steps after the start."""
    urllib.request.urlopen(f"{api_url}{CLOCK_PATH}/{step}").close()  # noqa: S310 (our own)


def live(orders: Orders) -> None:
    """The whole life of the process."""
    danger = Danger(() if orders.ends_at is None else (orders.ends_at,))
    life, mortal = RealLife(danger), MortalEngine(make_url(orders.url))
    mortal.give(life)
    with openai.OpenAI(api_key="any", base_url=orders.api_url, max_retries=0) as client:
        api = MortalApi(OpenAIBatchApi(client), life)
        pipeline = find_pipeline(orders.pipeline)(PipelineContext(mortal.engine, api, POLICY, ignore))
        for number in range(orders.runs):
            visit(orders.api_url, number)
            pipeline.run(orders.start + number * STEP)


class Guests:
    """Who is connected to the API at present."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._present = 0

    def come_or_go(self, number: int) -> None:
        with self._changed:
            self._present += number
            self._changed.notify_all()

    def wait_until_gone(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: not self._present, timeout=30)


@contextmanager
def served(recorder: ApiRecorder, clock: SimulatedClock, guests: Guests) -> Iterator[str]:
    """The journal's API over HTTP on a free port; yields its base URL."""

    start = clock.now()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = (
            True  # else each answer's body waits 40 ms for the client's word about its head
        )

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            if path.startswith(f"/v1{CLOCK_PATH}/"):
                step = int(path.rpartition("/")[2])
                clock.advance(max(timedelta(0), start + step * STEP - clock.now()))
                self.send_response(204)
                self.end_headers()
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            response = recorder.handle(ApiRequest(self.command, path, query, headers, body))
            content = response.body if isinstance(response.body, bytes) else b"".join(response.body)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 (the server's own names)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def process_request(self, *connection: Any) -> None:
            guests.come_or_go(1)
            super().process_request(*connection)

        def process_request_thread(self, *connection: Any) -> None:
            super().process_request_thread(*connection)
            guests.come_or_go(-1)

        def handle_error(self, *_: Any) -> None:
            """A killed client hangs up in the middle: that is what this is for."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Trial:
    """A reseeded world with an API; processes work in it, and the oracle judges what they left."""

    world: World
    recorder: ApiRecorder
    clock: SimulatedClock
    before: Rows
    api_url: str
    guests: Guests
    processes: list[Any] = field(default_factory=list)

    def start(self, pipeline: str, *, ends_at: Break | None = None, runs: int = 3) -> Any:
        """A scheduler process that has begun. Its first turn is the journal's present one."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PRELOADED))
        url = self.world.url.render_as_string(hide_password=False)
        orders = Orders(pipeline, url, self.api_url, self.clock.now(), runs, ends_at)
        process = context.Process(target=live, args=(orders,), daemon=True)  # it does not outlive the tests
        process.start()
        self.processes.append(process)
        return process

    def drain(self, pipeline: str) -> None:
        """A fresh scheduler in this process takes over, until all is done, or should be.

        A lease passes before it does, so whatever the dead had called by then has long arrived.
        """
        visit(self.api_url, 0)  # it is let in after everybody who was at the door before
        self.guests.wait_until_gone()
        mortal = self.world.mortal_engine(1)
        with openai.OpenAI(api_key="any", base_url=self.api_url, max_retries=0) as client:
            fresh = find_pipeline(pipeline)(
                PipelineContext(mortal.engine, OpenAIBatchApi(client), POLICY, ignore)
            )
            for _ in range(DRAIN_RUNS):
                self.clock.advance(STEP)
                self.run(fresh)
                if not left_and_moved(self.world)[0]:
                    return

    def run(self, pipeline: Pipeline) -> None:
        """One scheduler run, a turn for each stage."""
        for stage in Stage:
            self.recorder.turn += 1
            take_stage(pipeline, stage, self.clock.now())

    def violations(self, interrupted: frozenset[int]) -> tuple[Violation, ...]:
        """What the oracle says."""
        engine = self.world.mortal_engine(0).engine
        return judge(
            Evidence(
                self.before,
                read_rows(engine),
                read_trail(engine),
                read_api_record(self.recorder, BATCH_KEY),
                POLICY,
                interrupted,
            )
        )


@contextmanager
def trial(world: World, dataset: HistoryDataset, failed_line_rate: float = 0.3) -> Iterator[Trial]:
    """A trial on this dataset, whose requests fail now and then."""
    world.reset(dataset)
    clock = SimulatedClock(EPOCH)
    fake = FakeOpenAI(seed=1, clock=clock.timestamp, failed_line_rate=failed_line_rate)
    recorder, guests = ApiRecorder(fake), Guests()
    try:
        with served(recorder, clock, guests) as api_url:
            scene = Trial(world, recorder, clock, read_rows(world.mortal_engine(0).engine), api_url, guests)
            try:
                yield scene
            finally:
                for process in scene.processes:
                    process.kill()
                    process.join()
    finally:
        fake.close()
