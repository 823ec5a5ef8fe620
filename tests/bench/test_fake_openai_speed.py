"""The fake must never be the bottleneck: ratios to bare handlers, taken in the same run.

Non-goals: absolute figures, and the speed of the client. `-s` shows what was measured.
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest
import respx

from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.limits import ROOMY
from claimbench.loadgen.fake_openai.respx_adapter import serving
from claimbench.loadgen.fake_openai.server import running_server
from claimbench.loadgen.fake_openai.wire import ApiRequest
from claimbench.loadgen.fake_openai.work import BatchLines, BatchWork

pytestmark = pytest.mark.bench

START = 1_700_000_000.0
ENDPOINT = "/v1/chat/completions"
FULL = 50_000
PADDING = "x" * 680

BARE_SERVER = """
import shutil, socket, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def upload(request):
    form = await request.form()
    file = form["file"]
    with open(sys.argv[1], "wb") as kept:
        shutil.copyfileobj(file.file, kept)
    return JSONResponse({"id": "file-1", "object": "file", "bytes": file.size, "created_at": 1,
                         "filename": file.filename, "purpose": form["purpose"], "status": "processed"})

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen()
print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
app = Starlette(routes=[Route("/v1/files", upload, methods=["POST"])])
uvicorn.Server(uvicorn.Config(app, http="h11", log_level="critical")).run(sockets=[listener])
"""
"""A handler under uvicorn that takes an upload and keeps its file, without a look at what is in it."""


def line(number: int, padding: str = PADDING) -> bytes:
    system = "Judge, in JSON.\nAnswer with the JSON keys: sentiment, category, summary, language"
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": f"user: {number} {padding}"},
    ]
    body = {"model": "gpt-4o-mini", "messages": messages, "response_format": {"type": "json_object"}}
    request = {"custom_id": f"full_analysis-{number}", "method": "POST", "url": ENDPOINT, "body": body}
    return json.dumps(request).encode() + b"\n"


@pytest.fixture(scope="module")
def full_file() -> bytes:
    return b"".join(line(number) for number in range(FULL))


@contextmanager
def bare_server(folder: Path) -> Iterator[str]:
    command = (sys.executable, "-c", BARE_SERVER, str(folder / "kept"))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdout.close()
        process.terminate()
        process.wait(timeout=10)


def seconds(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def ratio(ours: Callable[[], Any], bare: Callable[[], Any], rounds: int) -> float:
    """How many times as long ours takes: the quotient of medians, taken in turns and warm."""
    ours()
    bare()
    taken = [(seconds(ours), seconds(bare)) for _ in range(rounds)]
    ours_s, bare_s = (statistics.median(column) for column in zip(*taken, strict=True))
    sys.stderr.write(f"\n{ours_s * 1e3:.1f} ms, bare {bare_s * 1e3:.1f} ms: {ours_s / bare_s:.2f} times\n")
    return ours_s / bare_s


class Handed:
    """A core that is handed requests directly."""

    def __init__(self) -> None:
        self.now = START
        self.fake = FakeOpenAI(seed=1, clock=lambda: self.now, failed_line_rate=0.02, limits=ROOMY)

    def call(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        sent = {"authorization": "Bearer k", "content-type": kind}
        return self.fake.handle(ApiRequest(method, path, "", sent, body))

    def batch_of(self, content: bytes) -> str:
        head = 'form-data; name="file"; filename="a.jsonl"'
        raw = b"".join(
            [
                b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n',
                f"--B\r\nContent-Disposition: {head}\r\n\r\n".encode(),
                content,
                b"\r\n--B--\r\n",
            ]
        )
        file = json.loads(self.call("POST", "/v1/files", raw, "multipart/form-data; boundary=B").body)
        order = {"input_file_id": file["id"], "endpoint": ENDPOINT, "completion_window": "24h"}
        return str(json.loads(self.call("POST", "/v1/batches", json.dumps(order).encode()).body)["id"])

    def retrieve(self, batch_id: str) -> Any:
        return json.loads(self.call("GET", f"/v1/batches/{batch_id}").body)


@pytest.fixture
def handed() -> Iterator[Handed]:
    handed = Handed()
    yield handed
    handed.fake.close()


def test_a_full_upload_with_validation_takes_at_most_three_times_a_bare_handlers(
    full_file: bytes, tmp_path: Path
) -> None:
    files = ("requests.jsonl", full_file)
    with running_server(clock="manual") as server, bare_server(tmp_path) as bare_url:
        client, bare = (openai.OpenAI(api_key="k", base_url=url) for url in (server.base_url, bare_url))
        times = ratio(
            lambda: client.files.create(file=files, purpose="batch"),
            lambda: bare.files.create(file=files, purpose="batch"),
            rounds=5,
        )

    assert len(full_file) > 50_000_000
    assert times <= 3


def test_the_output_of_a_full_batch_is_produced_without_holding_it(full_file: bytes, handed: Handed) -> None:
    batch_id = handed.batch_of(full_file)
    handed.now += 1_000
    output_id = handed.retrieve(batch_id)["output_file_id"]
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    lines = size = 0
    for chunk in handed.call("GET", f"/v1/files/{output_id}/content").body:
        lines += chunk.count(b"\n")
        size += len(chunk)
    done.set()
    watcher.join()

    assert lines > 0.97 * FULL
    assert size > 40_000_000
    assert peak - before < 100_000_000


def test_retrieving_a_batch_is_at_least_half_as_fast_as_a_bare_respx_route(handed: Handed) -> None:
    batch_id = handed.batch_of(b"".join(line(number, "") for number in range(100)))
    shown = handed.retrieve(batch_id)
    url = "https://bare.example/v1"
    with (
        respx.mock(using="httpcore2", assert_all_called=False) as router,
        serving(handed.fake, base_url="https://api.openai.com/v1"),
        openai.OpenAI(api_key="k") as client,
        openai.OpenAI(api_key="k", base_url=url) as bare,
    ):
        router.get(f"{url}/batches/{batch_id}").mock(return_value=httpx.Response(200, json=shown))
        times = ratio(
            lambda: [client.batches.retrieve(batch_id) for _ in range(200)],
            lambda: [bare.batches.retrieve(batch_id) for _ in range(200)],
            rounds=5,
        )

    assert times <= 2


def test_open_batches_advance_without_any_work_on_their_lines(
    handed: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    thousand = b"".join(line(number, "") for number in range(1_000))
    large = [handed.batch_of(thousand) for _ in range(200)]
    small = [handed.batch_of(line(0, "")) for _ in range(200)]

    def touched(*_: Any) -> None:
        raise AssertionError("a status poll touched the lines")

    for owner, name in (
        (BatchWork, "tally"),
        (BatchWork, "order"),
        (BatchWork, "_reply_input"),
        (BatchLines, "texts"),
    ):
        monkeypatch.setattr(owner, name, touched)
    seen = set()
    for _ in range(5):
        seen |= {handed.retrieve(batch_id)["status"] for batch_id in large}
        handed.now += 60
    times = ratio(
        lambda: [handed.retrieve(batch_id) for batch_id in large],
        lambda: [handed.retrieve(batch_id) for batch_id in small],
        rounds=5,
    )

    assert seen == {"validating", "in_progress", "completed"}
    assert times < 2
