"""`claimbench mock` as a user meets it: a process, a URL, a script that knows nothing of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from claimbench.loadgen.fake_openai.faults import Fault, FaultKind, Faults
from claimbench.loadgen.fake_openai.server import READY, FakeServer, running_server

pytestmark = pytest.mark.whole

MOCK = (sys.executable, "-m", "claimbench.loadgen.fake_openai")
SCRIPT = """
import json, time
from openai import OpenAI

client = OpenAI()
lines = [
    {"custom_id": f"question-{n}", "method": "POST", "url": "/v1/chat/completions",
     "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"What is {n} + {n}?"}]}}
    for n in range(20)
]
with open("questions.jsonl", "w") as file:
    file.writelines(json.dumps(line) + "\\n" for line in lines)
uploaded = client.files.create(file=open("questions.jsonl", "rb"), purpose="batch")
batch = client.batches.create(
    input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
)
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.2)
    batch = client.batches.retrieve(batch.id)
for line in client.files.content(batch.output_file_id).text.strip().split("\\n"):
    result = json.loads(line)
    print(result["custom_id"], ascii(result["response"]["body"]["choices"][0]["message"]["content"]))
"""


@contextmanager
def mock(*options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen((*MOCK, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


@contextmanager
def connected(**options: Any) -> Iterator[tuple[FakeServer, openai.OpenAI]]:
    with (
        running_server(clock="manual", **options) as server,
        openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client,
    ):
        yield server, client


def url_of(process: "subprocess.Popen[str]") -> str:
    line = ""
    while not line.startswith(READY):
        line = process.stdout.readline()
        assert line, process.stderr.read()
    return line.removeprefix(READY).strip()


def line(number: int) -> bytes:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"number {number}"}]}
    request = {"custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(request).encode() + b"\n"


def test_an_unmodified_script_gets_its_results_and_ctrl_c_ends_the_server_cleanly(tmp_path: Path) -> None:
    with mock("--port", "0", "--speed", "3600") as process:
        environment = {**os.environ, "OPENAI_BASE_URL": url_of(process), "OPENAI_API_KEY": "any"}
        ran = subprocess.run(
            (sys.executable, "-c", SCRIPT),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=15)

    assert ran.returncode == 0, ran.stderr
    assert sorted(row.split()[0] for row in ran.stdout.splitlines()) == sorted(
        f"question-{number}" for number in range(20)
    )
    assert (process.returncode, complaints) == (0, "")


def test_two_servers_of_one_seed_give_the_same_answers_in_any_order() -> None:
    def answers(order: list[int]) -> dict[str, str]:
        with connected(seed=5) as (server, client):
            found = {}
            for group in (order[:7], order[7:]):
                content = b"".join(line(number) for number in group)
                file = client.files.create(file=("a.jsonl", content), purpose="batch")
                batch = client.batches.create(
                    input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
                )
                server.set_clock(batch.created_at + 400)
                output_id = client.batches.retrieve(batch.id).output_file_id
                for result in map(json.loads, client.files.content(output_id).text.strip().split("\n")):
                    found[result["custom_id"]] = result["response"]["body"]["choices"][0]["message"][
                        "content"
                    ]
        return found

    assert answers(list(range(20))) == answers(list(reversed(range(20))))


@pytest.mark.parametrize("clock", ["real", "wall"])
def test_answers_are_dated_by_the_calendar_however_fast_batches_are_done(clock: str) -> None:
    """Who divides its waits by the speed measures them by this header."""
    with running_server(clock=clock, speed=1_000_000) as server:
        time.sleep(0.1)  # more than a day by a clock that is so fast
        with httpx.Client() as client:
            told = client.get(f"{server.base_url}/models").headers.get_list("date")

    assert [abs(parsedate_to_datetime(date).timestamp() - time.time()) < 60 for date in told] == [True]


def test_the_meters_of_a_server_can_be_read_from_outside() -> None:
    with running_server(clock="manual") as server:
        with openai.OpenAI(api_key="k", base_url=server.base_url) as client:
            client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
        meters = server.meters()
        submitted = [(one.channel, one.custom_id, json.loads(one.body)) for one in meters.submitted]
        server.reset()
        after = server.meters()

    assert meters.calls == {"chat.completions.create": 1}
    assert submitted == [
        ("chat", None, {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]})
    ]
    assert (after.total_calls, len(after.submitted)) == (0, 0)


def test_a_reset_connection_leaves_a_ghost_batch_behind() -> None:
    faults = Faults(fault=(Fault(kind=FaultKind.RESET_AFTER, on="batches.create", nth=(1,)),))
    with connected(faults=faults) as (_, client):
        with pytest.raises(openai.APIConnectionError):
            client.batches.create(
                input_file_id="file-x", endpoint="/v1/chat/completions", completion_window="24h"
            )
        ghosts = client.batches.list().data

    assert len(ghosts) == 1


def test_a_truncated_download_is_noticed_by_the_client() -> None:
    faults = Faults(fault=(Fault(kind=FaultKind.TRUNCATED_DOWNLOAD, nth=(1,)),))
    content = b"".join(line(number) for number in range(2_000))
    with connected(faults=faults) as (_, client):
        file = client.files.create(file=("a.jsonl", content), purpose="batch")
        with pytest.raises(openai.APIConnectionError):
            client.files.content(file.id)
        again = client.files.content(file.id).content

    assert again == content


def test_a_time_out_is_one_for_the_client() -> None:
    faults = Faults(fault=(Fault(kind=FaultKind.TIMEOUT_BEFORE, on="files.list", seconds=30),))
    with connected(faults=faults) as (_, client), pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).files.list()


def test_a_server_ends_when_its_parent_is_gone() -> None:
    program = (
        "import os\n"
        "from claimbench.loadgen.fake_openai.server import running_server\n"
        "with running_server() as server:\n"
        "    print(server.base_url, flush=True)\n"
        "    os._exit(1)\n"
    )
    ran = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, timeout=60, check=False
    )
    port = int(ran.stdout.strip().removesuffix("/v1").rpartition(":")[2])

    assert closed_within(10, port)


def closed_within(seconds: float, port: int) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return True
        time.sleep(0.05)
    return False


def test_a_port_that_is_taken_is_named_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with mock("--port", port) as process:
            _, complaint = process.communicate(timeout=30)

    assert process.returncode == 2
    assert f"127.0.0.1:{port}" in complaint
    assert complaint.count("\n") == 1


def test_a_bad_faults_file_is_named_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nkind = "nonsense"\n')
    with mock("--faults", str(file)) as process:
        _, complaint = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "fault.1.kind" in complaint
    assert complaint.count("\n") == 1


def test_a_clock_that_goes_by_itself_cannot_be_set() -> None:
    with running_server() as server:
        reply = httpx.post(f"{server.base_url.removesuffix('/v1')}/_fake/clock", json={"now": 1})

    assert reply.status_code == 409


def test_a_server_beyond_loopback_says_so_loudly() -> None:
    with mock("--host", "0.0.0.0", "--port", "0") as process:  # noqa: S104 (the warning is what is tested)
        first = process.stdout.readline()

    assert first.startswith("WARNING")


def test_the_help_shows_an_example() -> None:
    shown = subprocess.run((*MOCK, "--help"), capture_output=True, text=True, timeout=30, check=True).stdout

    assert "claimbench mock --port 8080 --speed 3600" in shown
    assert "lifetime" not in shown
