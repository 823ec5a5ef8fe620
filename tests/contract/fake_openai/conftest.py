"""The fake behind every adapter, reached by the official client, sync and async, in strict validation."""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from starlette.testclient import TestClient

from claimbench.loadgen.fake_openai.asgi import make_app
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.respx_adapter import serving
from claimbench.loadgen.fake_openai.server import FakeServer, running_server

START = 1_700_000_000.0
SEED = 11
FAILED_LINE_RATE = 0.2
ENDPOINT = "/v1/chat/completions"
KEYS = "Answer with the JSON keys: sentiment, category, summary, language"


class Blocking:
    """An async client that is used like a sync one: whatever it returns is awaited to its end."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = target, loop

    def __getattr__(self, name: str) -> Any:
        return Blocking(getattr(self._target, name), self._loop)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        answer = self._target(*arguments, **named)
        if hasattr(answer, "__aiter__"):
            return self._loop.run_until_complete(_collected(answer))
        if inspect.isawaitable(answer):
            answer = self._loop.run_until_complete(answer)
        return self._loop.run_until_complete(_collected(answer)) if hasattr(answer, "__aiter__") else answer


async def _collected(items: Any) -> list[Any]:
    return [item async for item in items]


@dataclass
class ClientStage:
    """A client, and the hand that moves the fake's clock."""

    client: Any
    set_clock: Callable[[float], None]
    now: float = START

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.set_clock(self.now)

    def line(self, number: int, **body: Any) -> bytes:
        request = {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": f"Judge, in JSON.\n{KEYS}"},
                {"role": "user", "content": f"user: this is message {number}"},
            ],
            "response_format": {"type": "json_object"},
            **body,
        }
        line = {"custom_id": f"request-{number}", "method": "POST", "url": ENDPOINT, "body": request}
        return json.dumps(line).encode() + b"\n"

    def upload(self, *lines: bytes) -> Any:
        return self.client.files.create(file=("requests.jsonl", b"".join(lines)), purpose="batch")

    def create(self, file_id: str, **named: Any) -> Any:
        return self.client.batches.create(
            input_file_id=file_id, endpoint=ENDPOINT, completion_window="24h", **named
        )

    def batch_of(self, count: int) -> Any:
        return self.create(self.upload(*(self.line(number) for number in range(count))).id)

    def ended(self, batch_id: str) -> Any:
        self.pass_time(400)
        return self.client.batches.retrieve(batch_id)

    def lines_of(self, file_id: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.client.files.content(file_id).text.strip().split("\n")]


class SettableClock:
    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds

    def set(self, seconds: float) -> None:
        self.seconds = seconds


@pytest.fixture(scope="session")
def fake_server() -> Iterator[FakeServer]:
    with running_server(seed=SEED, failed_line_rate=FAILED_LINE_RATE, clock="manual") as server:
        yield server


@contextmanager
def _stage_in_process(kind: str, **options: Any) -> Iterator[ClientStage]:
    clock = SettableClock()
    fake = FakeOpenAI(seed=SEED, clock=clock, failed_line_rate=FAILED_LINE_RATE)
    try:
        if kind == "asgi":
            with TestClient(make_app(fake), base_url="http://fake") as transport:
                client = openai.OpenAI(base_url="http://fake/v1", http_client=transport, **options)
                yield ClientStage(client, clock.set)
        else:
            engine = {"http_client": httpx.Client()} if kind == "respx-httpx" else {}
            with serving(fake), openai.OpenAI(**engine, **options) as client:
                yield ClientStage(client, clock.set)
    finally:
        fake.close()


@contextmanager
def _async_stage_in_process(kind: str, **options: Any) -> Iterator[ClientStage]:
    clock = SettableClock()
    fake = FakeOpenAI(seed=SEED, clock=clock, failed_line_rate=FAILED_LINE_RATE)
    engine = {"http_client": httpx.AsyncClient()} if kind == "respx-httpx" else {}
    try:
        with serving(fake), asyncio.Runner() as runner:
            client = openai.AsyncOpenAI(**engine, **options)
            yield ClientStage(Blocking(client, runner.get_loop()), clock.set)
            runner.run(client.close())
    finally:
        fake.close()


ADAPTERS = (
    "respx-httpx2",
    "respx-httpx",
    "asgi",
    "server",
    "async-respx-httpx2",
    "async-respx-httpx",
    "async-server",
)


@pytest.fixture(params=ADAPTERS)
def stage(request: pytest.FixtureRequest) -> Iterator[ClientStage]:
    adapter = request.param
    options = {"api_key": "any-key", "_strict_response_validation": True, "max_retries": 0}
    if adapter.endswith("server"):
        server = request.getfixturevalue("fake_server")
        server.reset()
        server.set_clock(START)
        options["base_url"] = server.base_url
        if adapter == "server":
            with openai.OpenAI(**options) as client:
                yield ClientStage(client, server.set_clock)
            return
        with asyncio.Runner() as runner:
            client = openai.AsyncOpenAI(**options)
            yield ClientStage(Blocking(client, runner.get_loop()), server.set_clock)
            runner.run(client.close())
        return
    opened = _async_stage_in_process if adapter.startswith("async-") else _stage_in_process
    with opened(adapter.removeprefix("async-"), **options) as stage:
        yield stage
