"""A pipeline by its name, over an engine and a client of its own."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import openai
from sqlalchemy import URL, Engine, create_engine

from claimbench.impl.connecting import open_client
from claimbench.impl.events import EventSink, ignore
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import Pipeline, PipelineContext, Policy
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import build

API_KEY = "claimbench-fake-key"
TIMEOUT_S = 60.0


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
    with open_context(url, api_url, events) as context:
        yield BuiltPipeline(context.engine, build(pipeline, context))


@contextmanager
def open_context(url: URL, api_url: str, events: EventSink = ignore) -> Iterator[PipelineContext]:
    """What a pipeline is built with: an engine and a client, both closed at the end."""
    engine = create_engine(url)
    try:
        with _client(api_url) as client:
            with engine.connect():  # the dialect asks its first questions now, not while we count
                pass
            yield PipelineContext(engine, OpenAIBatchApi(client), Policy(), events)
    finally:
        engine.dispose()


def import_all() -> None:
    """Have the client import what it leaves for its first calls; who will be timed does so ahead."""
    with _client("http://127.0.0.1") as client:
        client.files, client.batches, client.chat.completions  # noqa: B018 (asking for them imports them)


def _client(api_url: str) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(verify=_trust(), timeout=TIMEOUT_S)
    return open_client(api_url, API_KEY, http)


@cache
def _trust() -> ssl.SSLContext:
    """Whom to trust, read once: that takes longer than many a stage, and a client would read it anew."""
    return ssl.create_default_context()
