"""`claimbench mock` with state, answers, limits and dialect: processes that are killed and come back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from claimbench.loadgen.fake_openai.server import READY

pytestmark = pytest.mark.whole

MOCK = (sys.executable, "-m", "claimbench.loadgen.fake_openai")
CHAT = "/v1/chat/completions"


@contextmanager
def served(*options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A running server and its base URL; killed at the end if it still runs."""
    command = (*MOCK, "--port", "0", *options)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = ""
        while not line.startswith(READY):
            line = process.stdout.readline()
            assert line, process.stderr.read()
        yield process, line.removeprefix(READY).strip()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def client_of(url: str, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=url, max_retries=0, **options)


def line(number: int, **body: Any) -> bytes:
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"number {number}"}], **body}
    request = {"custom_id": f"r-{number}", "method": "POST", "url": CHAT, "body": asked}
    return json.dumps(request).encode() + b"\n"


def batch_of(client: openai.OpenAI, count: int) -> Any:
    content = b"".join(line(number) for number in range(count))
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")


def ended(client: openai.OpenAI, batch_id: str) -> Any:
    for _ in range(600):
        batch = client.batches.retrieve(batch_id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.05)
    raise AssertionError(f"{batch_id} does not end")


def rows(client: openai.OpenAI, batch: Any) -> list[Any]:
    ids = [one for one in (batch.output_file_id, batch.error_file_id) if one]
    texts = [client.files.content(one).text for one in ids]
    return [json.loads(row) for text in texts for row in text.split("\n") if row]


def test_a_server_that_is_killed_in_the_middle_of_a_batch_loses_nothing_and_tells_nothing_twice(
    tmp_path: Path,
) -> None:
    options = ("--state", str(tmp_path / "state"), "--speed", "60")
    with served(*options) as (process, url), client_of(url) as client:
        batch = batch_of(client, 500)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    with served(*options) as (process, url), client_of(url) as client:
        known = client.batches.retrieve(batch.id)
        second = batch_of(client, 3)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    with served(*options) as (process, url), client_of(url) as client:
        found = rows(client, ended(client, batch.id))
        listed = [one.id for one in client.batches.list()]
        again = rows(client, ended(client, second.id))

    assert known.input_file_id == batch.input_file_id
    assert sorted(row["custom_id"] for row in found) == sorted(f"r-{n}" for n in range(500))
    assert len({row["id"] for row in found}) == 500
    assert listed == [second.id, batch.id]
    assert len(again) == 3


def test_without_a_state_two_starts_give_different_identifiers() -> None:
    seen = []
    for _ in range(2):
        with served() as (_, url), client_of(url) as client:
            batch = batch_of(client, 1)
            seen += [batch.id, batch.input_file_id]

    assert len(set(seen)) == 4


def test_dates_are_those_of_the_calendar_however_fast_batches_are() -> None:
    with served() as (_, url), client_of(url) as client:
        batch = ended(client, batch_of(client, 5).id)
        file = client.files.retrieve(batch.input_file_id)

    assert abs(batch.created_at - time.time()) < 30
    assert batch.completed_at - batch.created_at <= 5
    assert batch.expires_at == batch.created_at + 86_400
    assert file.expires_at == file.created_at + 2_592_000


def test_limits_of_a_small_account_come_from_options_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "limits.toml").write_text("enqueued_tokens = 5\nbatches_per_hour = 2\n")
    with (
        served("--limits", str(tmp_path / "limits.toml"), "--speed", "1") as (_, url),
        client_of(url) as client,
    ):
        problems = [client.batches.retrieve(batch_of(client, 3).id) for _ in range(2)]
        with pytest.raises(openai.RateLimitError):
            batch_of(client, 1)
    with served("--enqueued-requests", "4") as (_, url), client_of(url) as client:
        refused = ended(client, batch_of(client, 5).id)

    assert len(problems) == 2
    assert refused.errors.data[0].message.startswith("Enqueued request limit reached for gpt-4o-mini")


def test_an_azure_client_gets_its_results_by_its_own_paths_and_names() -> None:
    with served() as (_, url):
        client = openai.AzureOpenAI(
            azure_endpoint=url.removesuffix("/v1"), api_key="k", api_version="2024-10-21", max_retries=0
        )
        asked = {"model": "my-gpt4o-batch", "messages": [{"role": "user", "content": "hi"}]}
        request = {"custom_id": "a", "method": "POST", "url": "/chat/completions", "body": asked}
        file = client.files.create(file=("a.jsonl", json.dumps(request).encode()), purpose="batch")
        while file.status != "processed":
            file = client.files.retrieve(file.id)
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/chat/completions", completion_window="24h"
        )
        (row,) = rows(client, ended(client, batch.id))
        alone = client.chat.completions.create(**asked)

    assert row["response"]["body"]["model"] == alone.model == "gpt-4o-2024-08-06"
    assert batch.endpoint == "/chat/completions"


def test_azure_makes_no_batch_of_a_file_that_is_not_processed_yet() -> None:
    with served("--dialect", "azure", "--speed", "1") as (_, url):
        client = openai.AzureOpenAI(
            azure_endpoint=url.removesuffix("/v1"), api_key="k", api_version="2024-10-21", max_retries=0
        )
        file = client.files.create(file=("a.jsonl", line(1)), purpose="batch")
        with pytest.raises(openai.BadRequestError):
            client.batches.create(
                input_file_id=file.id, endpoint="/chat/completions", completion_window="24h"
            )

    assert file.status == "pending"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dialect", "aws"), "'aws' is not one of"),
        (("--enqueued-tokens", "-1"), "--enqueued-tokens: -1 is no limit"),
        (("--uploads-per-minute", "-5"), "--uploads-per-minute: -5 is no limit"),
        (("--fixtures", "nowhere.jsonl"), "nowhere.jsonl: cannot be read"),
        (("--limits", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("--limits", "bad.toml"), "bad.toml: colour: there is no such limit"),
        (("--faults", "unknown.toml"), "unknown.toml: fault.1.kind"),
        (("--fixtures", "unmatched.jsonl"), "it matches nothing"),
        (("--state", "bad.toml"), "bad.toml: cannot be used"),
        (("--state", "old"), "version 0"),
        (("--limits", "negative.toml"), "negative.toml: enqueued_tokens: -1 is no limit"),
        (("--limits", "unmatched.jsonl"), "unmatched.jsonl: cannot be read"),
        (("--record", "."), ".: cannot be written"),
    ],
)
def test_a_mistake_in_an_option_is_told_in_one_line_with_exit_2(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "bad.toml").write_text("colour = 1\n")
    (tmp_path / "unknown.toml").write_text('[[fault]]\nkind = "flood"\n')
    (tmp_path / "unmatched.jsonl").write_text('{"answer": "to nobody"}\n')
    (tmp_path / "negative.toml").write_text("enqueued_tokens = -1\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "state.jsonl").write_text('{"version":0,"seed":1,"fixtures":"","salt":""}\n')
    ran = subprocess.run(
        ("claimbench", "mock", "--port", "0", *options),
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert words in ran.stderr
    assert len(ran.stderr.strip().split("\n")) == 1


def test_a_state_that_another_server_uses_is_refused(tmp_path: Path) -> None:
    with served("--state", str(tmp_path)):
        command = (*MOCK, "--port", "0", "--state", str(tmp_path))
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (second.returncode, second.stdout) == (2, "")
    assert "another server uses this state" in second.stderr


def test_a_fixture_that_no_request_met_is_told_at_the_end(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"custom_id": "r-0", "answer": "mine"}\n{"custom_id": "typo", "answer": "lost"}\n')
    with served("--fixtures", str(own)) as (process, url), client_of(url) as client:
        (row,) = rows(client, ended(client, batch_of(client, 1).id))
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=15)

    assert row["response"]["body"]["choices"][0]["message"]["content"] == "mine"
    assert process.returncode == 2
    assert f"{own}:2: this fixture matched nothing" in complaints
