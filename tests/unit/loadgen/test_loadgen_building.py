"""What calls the API in a run and in the service: clients of one make."""

from collections.abc import Callable

import httpx2
import openai
import pytest

from claimbench.impl.connecting import open_client
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.service import worker_factory
from claimbench.loadgen.workloads.batch_pipeline import building


def made_by_run() -> openai.OpenAI:
    return building._client("http://127.0.0.1:9/v1")


def made_by_the_service() -> openai.OpenAI:
    return worker_factory._client(worker_factory.ApiAccess("http://127.0.0.1:9/v1", "any"))


@pytest.mark.parametrize("make", [made_by_run, made_by_the_service])
def test_what_run_and_the_service_call_the_api_with_repeats_nothing(
    make: Callable[[], openai.OpenAI],
) -> None:
    with make() as client:
        assert client.max_retries == 0


def test_a_call_that_fails_reaches_the_api_once() -> None:
    seen: list[httpx2.Request] = []

    def busy(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(503, json={"error": {"message": "busy"}})

    with httpx2.Client(transport=httpx2.MockTransport(busy)) as http:
        api = OpenAIBatchApi(open_client("http://127.0.0.1:9/v1", "any", http))
        with pytest.raises(Exception, match="busy"):
            api.retrieve("batch_a")

    assert len(seen) == 1
