"""A api before the core: requests are handed in without any HTTP client, and time is moved by hand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.faults import parse_faults
from claimbench.loadgen.fake_openai.wire import ApiRequest, ApiResponse

START = 1_700_000_000.0
ENDPOINT = "/v1/chat/completions"
KEYS = "Answer with the JSON keys: sentiment, category, summary, language"


@dataclass(frozen=True)
class ReadResponse:
    """A response that was read to its end."""

    status: int
    headers: dict[str, str]
    content: bytes
    response: ApiResponse = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.content.splitlines()]


class FakeApi:
    """Hands requests to one fake."""

    def __init__(self, **options: Any) -> None:
        self.now = START
        faults = options.pop("faults", "")
        self.fake = FakeOpenAI(
            **{"seed": 1, "clock": lambda: self.now, "faults": parse_faults(faults, "faults"), **options}
        )

    def call(self, method: str, path: str, body: Any = b"", **headers: str) -> ReadResponse:
        """Send bytes, or anything else as JSON."""
        path, _, query = path.partition("?")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"authorization": "Bearer key", **headers}
        response = self.fake.handle(ApiRequest(method, f"/v1{path}", query, sent, raw))
        content = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        return ReadResponse(response.status, dict(response.headers), content, response)

    def line(self, number: int = 0, /, **changes: Any) -> bytes:
        body = {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": f"Judge, in JSON.\n{KEYS}"},
                {"role": "user", "content": f"user: this is message {number}"},
            ],
        }
        line = {"custom_id": f"request-{number}", "method": "POST", "url": ENDPOINT, "body": body, **changes}
        kept = {name: value for name, value in line.items() if value is not ...}
        return json.dumps(kept).encode() + b"\n"

    def body(self, number: int = 0, **changes: Any) -> dict[str, Any]:
        return {**json.loads(self.line(number))["body"], **changes}

    def upload(self, *lines: bytes, filename: str = "requests.jsonl", **fields: str) -> ReadResponse:
        parts = [
            f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in {"purpose": "batch", **fields}.items()
        ]
        disposition = f'form-data; name="file"; filename="{filename}"'
        head = f"--B\r\nContent-Disposition: {disposition}\r\nContent-Type: text/plain\r\n\r\n".encode()
        raw = b"".join([*parts, head, *lines, b"\r\n--B--\r\n"])
        return self.call("POST", "/files", raw, **{"content-type": "multipart/form-data; boundary=B"})

    def create(self, file_id: str, **changes: Any) -> ReadResponse:
        order = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h", **changes}
        kept = {name: value for name, value in order.items() if value is not ...}
        return self.call("POST", "/batches", kept)

    def batch_of(self, *lines: bytes) -> Any:
        return self.create(self.upload(*lines).json["id"]).json

    def retrieve(self, batch: Any) -> Any:
        return self.call("GET", f"/batches/{batch['id']}").json

    def ended(self, *lines: bytes, after: float = 400) -> Any:
        """Run a batch of these lines to its end."""
        batch = self.batch_of(*lines)
        self.now += after
        return self.retrieve(batch)

    def content(self, file_id: str) -> ReadResponse:
        return self.call("GET", f"/files/{file_id}/content")

    def results(self, batch: Any) -> list[Any]:
        """The lines of both files."""
        ids = [batch["output_file_id"], batch["error_file_id"]]
        return [line for file_id in ids if file_id for line in self.content(file_id).lines]


@pytest.fixture
def open_api() -> Iterator[Callable[..., FakeApi]]:
    """Make a api with options of the fake; `faults` is TOML."""
    opened: list[FakeApi] = []

    def open_(**options: Any) -> FakeApi:
        opened.append(FakeApi(**options))
        return opened[-1]

    yield open_
    for api in opened:
        api.fake.close()


@pytest.fixture
def api(open_api: Callable[..., FakeApi]) -> FakeApi:
    return open_api()
