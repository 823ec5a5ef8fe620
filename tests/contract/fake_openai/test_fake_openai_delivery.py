"""In process, a broken or slow response is to the client what it would be on a wire."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
import respx

from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.faults import Fault, FaultKind, Faults
from claimbench.loadgen.fake_openai.respx_adapter import serving

ENGINES = {"httpx2": {}, "httpx": {"http_client": httpx.Client()}}
LINE = b'{"custom_id": "a"}\n'


@contextmanager
def client_with(engine: str, **fault: Any) -> Iterator[openai.OpenAI]:
    fake = FakeOpenAI(seed=1, clock=lambda: 1_700_000_000.0, faults=Faults(fault=(Fault(**fault),)))
    with serving(fake):
        yield openai.OpenAI(api_key="k", max_retries=0, **ENGINES[engine])
    fake.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reset_is_a_connection_error_and_leaves_the_ghost(engine: str) -> None:
    with client_with(engine, kind=FaultKind.RESET_AFTER, on="batches.create") as client:
        with pytest.raises(openai.APIConnectionError):
            client.batches.create(input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h")
        ghosts = client.batches.list().data

    assert len(ghosts) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_silent_connection_is_a_time_out(engine: str) -> None:
    with client_with(engine, kind=FaultKind.TIMEOUT_BEFORE) as client, pytest.raises(openai.APITimeoutError):
        client.batches.list()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_truncated_body_is_a_connection_error(engine: str) -> None:
    with client_with(engine, kind=FaultKind.TRUNCATED_DOWNLOAD, nth=(1,)) as client:
        file = client.files.create(file=("a.jsonl", LINE), purpose="batch")
        with pytest.raises(openai.APIConnectionError):
            client.files.content(file.id)
        again = client.files.content(file.id).content

    assert again == LINE


def test_a_slow_body_arrives_whole_for_sync_and_async_clients() -> None:
    async def read(file_id: str) -> bytes:
        return (await openai.AsyncOpenAI(api_key="k").files.content(file_id)).content

    with client_with("httpx2", kind=FaultKind.SLOW_BODY, on="files.content", seconds=0.01) as client:
        file = client.files.create(file=("a.jsonl", LINE), purpose="batch")
        contents = [client.files.content(file.id).content, asyncio.run(read(file.id))]

    assert contents == [LINE, LINE]


def test_the_client_retries_a_ghost_create_into_a_second_batch() -> None:
    with client_with("httpx2", kind=FaultKind.RESET_AFTER, on="batches.create", nth=(1,)) as client:
        client.with_options(max_retries=1).batches.create(
            input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h"
        )
        made = client.batches.list().data

    assert len(made) == 2


def test_nothing_leaves_for_another_address_while_a_fake_is_served() -> None:
    with (
        client_with("httpx2", kind=FaultKind.SLOW_BODY, rate=0) as client,
        pytest.raises((respx.models.AllMockedAssertionError, openai.APIConnectionError)) as told,
    ):
        client.with_options(base_url="https://elsewhere.example/v1").batches.list()

    # openai 2.x wraps what 3.x lets through
    assert isinstance(told.value.__cause__ or told.value, respx.models.AllMockedAssertionError)
