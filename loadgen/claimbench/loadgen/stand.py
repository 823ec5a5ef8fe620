"""One arm, ready to be driven: its engine, its pipeline, a fake API and simulated time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import openai
from sqlalchemy import URL, Engine, create_engine

from claimbench.impl.events import EventSink, ignore
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import Pipeline, PipelineContext, Policy
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.clock import SimulatedClock
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.respx_adapter import serving
from claimbench.loadgen.seeding import EPOCH
from claimbench.scenarios.model import Api

API_URL = "https://api.openai.com/v1"
"""Where the client believes to be; nothing leaves the process, respx answers."""

API_KEY = "claimbench-fake-key"
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Stand:
    """What a pass works with. The fake is None when the API runs in another process."""

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


@dataclass(frozen=True, slots=True)
class BuiltPipeline:
    """A pipeline and the engine that it works through."""

    engine: Engine
    pipeline: Pipeline


@contextmanager
def open_pipeline(
    pipeline: str, url: URL, api_url: str, events: EventSink = ignore
) -> Iterator[BuiltPipeline]:
    """Build the pipeline of this name over one engine and one client, both closed at the end."""
    engine = create_engine(url)
    try:
        with openai.OpenAI(api_key=API_KEY, base_url=api_url, timeout=TIMEOUT_S) as client:
            context = PipelineContext(engine, OpenAIBatchApi(client), Policy(), events)
            built = find_pipeline(pipeline)(context)
            with engine.connect():  # the dialect asks its first questions now, not while we count
                pass
            yield BuiltPipeline(engine, built)
    finally:
        engine.dispose()
