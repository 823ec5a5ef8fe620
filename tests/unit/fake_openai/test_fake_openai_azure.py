"""Azure's clients and OpenAI's are served by one start: the path of a call says whose it is."""

import json
from typing import Any

import pytest

from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.wire import ApiRequest

LINE = {
    "custom_id": "a",
    "method": "POST",
    "url": "/chat/completions",
    "body": {"model": "my-gpt4o-batch", "messages": [{"role": "user", "content": "hi"}]},
}
VERSION = "api-version=2024-10-21"
JSON = "application/json"


def called(api: Any, method: str, path: str, body: bytes = b"", kind: str = JSON) -> Any:
    """What an Azure client is answered: status and body."""
    headers = {"api-key": "k", "content-type": kind}
    response = api.fake.handle(ApiRequest(method, path, VERSION, headers, body))
    content = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    return response.status, content


def uploaded(api: Any, line: dict[str, Any], path: str = "/openai/files") -> Any:
    head = b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--B\r\n'
    head += b'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    raw = head + json.dumps(line).encode() + b"\n\r\n--B--\r\n"
    return json.loads(called(api, "POST", path, raw, "multipart/form-data; boundary=B")[1])


def test_one_fake_serves_azures_paths_beside_those_of_openai(api: Any) -> None:
    file = uploaded(api, LINE)
    api.now += 5
    order = {"input_file_id": file["id"], "endpoint": "/chat/completions", "completion_window": "24h"}
    batch = json.loads(called(api, "POST", "/openai/batches", json.dumps(order).encode())[1])
    api.now += 400
    status, shown = called(api, "GET", f"/openai/batches/{batch['id']}")
    asked = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    alone = called(api, "POST", "/openai/deployments/my-gpt4o/chat/completions", asked)
    ours = api.ended(api.line())

    assert (file["status"], status, json.loads(shown)["status"]) == ("pending", 200, "completed")
    assert (alone[0], json.loads(alone[1])["model"]) == (200, "gpt-4o-2024-08-06")
    assert (ours["status"], ours["endpoint"]) == ("completed", "/v1/chat/completions")


def test_what_azure_takes_is_still_refused_on_the_paths_of_openai(api: Any) -> None:
    batch = api.ended(json.dumps(LINE).encode())
    alone = api.call("POST", "/chat/completions", LINE["body"])

    assert batch["errors"]["data"][0]["code"] == "invalid_url"
    assert alone.status == 404


def test_mistakes_have_the_names_of_the_path_that_they_come_by(api: Any) -> None:
    wrong = {**LINE, "url": "/embeddings"}
    file = uploaded(api, {**wrong, "body": {"model": "m", "input": "hi"}})
    api.now += 5
    order = {"input_file_id": file["id"], "endpoint": "/chat/completions", "completion_window": "24h"}
    batch = json.loads(called(api, "POST", "/openai/batches", json.dumps(order).encode())[1])
    api.now += 400
    shown = json.loads(called(api, "GET", f"/openai/batches/{batch['id']}")[1])

    assert shown["errors"]["data"][0]["code"] == "url_mismatch"


@pytest.mark.parametrize(
    ("dialect", "path", "status"),
    [
        (Dialect.AUTO, "/openai/batches", 200),
        (Dialect.AUTO, "/v1/batches", 401),
        (Dialect.OPENAI, "/openai/batches", 404),
        (Dialect.AZURE, "/openai/v1/batches", 200),
        (Dialect.AZURE, "/v1/batches", 200),
    ],
)
def test_a_dialect_that_is_named_holds_for_every_path(
    open_api: Any, dialect: Dialect, path: str, status: int
) -> None:
    api = open_api(limits=Limits(dialect=dialect))

    assert called(api, "GET", path)[0] == status
