"""A pipeline by its name, over an engine and a client of its own."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import openai
from sqlalchemy import URL, Engine, create_engine

from claimbench.impl.events import EventSink, ignore
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import Pipeline, PipelineContext, Policy
from claimbench.impl.registry import find_pipeline

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
    engine = create_engine(url)
    try:
        http = openai.DefaultHttpxClient(verify=_trust(), timeout=TIMEOUT_S)
        with openai.OpenAI(api_key=API_KEY, base_url=api_url, timeout=TIMEOUT_S, http_client=http) as client:
            context = PipelineContext(engine, OpenAIBatchApi(client), Policy(), events)
            built = find_pipeline(pipeline)(context)
            with engine.connect():  # the dialect asks its first questions now, not while we count
                pass
            yield BuiltPipeline(engine, built)
    finally:
        engine.dispose()


@cache
def _trust() -> ssl.SSLContext:
    """Whom to trust, read once: that takes longer than many a stage, and a client would read it anew."""
    return ssl.create_default_context()
