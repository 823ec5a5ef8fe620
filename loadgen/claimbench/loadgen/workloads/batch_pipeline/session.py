"""One arm, ready to be driven: its engine, its pipeline, a fake API and simulated time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Engine

from claimbench.impl.events import EventSink, ignore
from claimbench.impl.ports import Pipeline
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.respx_adapter import serving
from claimbench.loadgen.workloads.batch_pipeline.building import open_pipeline
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH, SimulatedClock
from claimbench.scenarios.model import Api

API_URL = "https://api.openai.com/v1"
"""Where the client believes to be; nothing leaves the process, respx answers."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What a pass works with."""

    engine: Engine
    pipeline: Pipeline
    clock: SimulatedClock
    fake: FakeOpenAI


@contextmanager
def open_stand(pipeline: str, url: URL, api: Api, events: EventSink = ignore) -> Iterator[Stand]:
    """Build the pipeline of this name on a database and a fresh fake API in this process."""
    clock = SimulatedClock(EPOCH)
    fake = FakeOpenAI(seed=api.seed, clock=clock.timestamp, failed_line_rate=api.failed_line_rate)
    try:
        with serving(fake, base_url=API_URL), open_pipeline(pipeline, url, API_URL, events) as built:
            yield Stand(built.engine, built.pipeline, clock, fake)
    finally:
        fake.close()
