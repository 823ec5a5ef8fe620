"""`claimbench load` with a file of targets: the example's service, which knows nothing of Claimbench."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from claimbench.loadgen.processes.free_port import free_port

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed"),
]

EXAMPLE = Path(__file__).parents[3] / "examples/foreign_service"
SECRET = "s3cret-word"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLE), "app:app", "--port", str(port)]
    environment = {**os.environ, "SHOP_PASSWORD": SECRET, "SHOP_COUNTED_AFTER_S": "900"}
    with subprocess.Popen([*command, "--log-level", "error"], env=environment) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/openapi.json")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(address)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(address)


def load(folder: Path, text: str, password: str = SECRET, *words: str) -> subprocess.CompletedProcess[str]:
    file = folder / "shop.toml"
    file.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "claimbench.loadgen", "load", str(file), "--out", str(folder / "out"), *words],
        env={**os.environ, "SHOP_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def example(url: str) -> str:
    text = (EXAMPLE / "load.toml").read_text().replace("http://127.0.0.1:8000", url)
    return text.replace('duration = "12s"', 'duration = "1s"').replace("rate = 100", "rate = 50")


def test_two_targets_are_compared_under_the_same_arrivals_and_no_file_tells_a_secret(
    tmp_path: Path, url: str
) -> None:
    second = f'[[targets]]\nname = "again"\nurl = "{url}"\n\n[login]'
    text = example(url).replace("[login]", second).replace("blocks = 1", "blocks = 2")
    done = load(tmp_path, text + '"ratio.response_time" = ["p(50)<100"]\n')
    record = json.loads((tmp_path / "out" / "load.json").read_text())
    ratio = next(each for each in record["ratios"] if each["metric"] == "response_time p50")
    totals = [block["generated"]["total"] for block in record["blocks"]]

    assert [(each["completed"], each["failed"]) for each in totals] == [(50, 0)] * 4
    assert [(each["name"], each["role"]) for each in record["arms"]] == [
        ("shop", "reference"),
        ("again", "candidate"),
    ]
    assert ratio["ratio"]["ci_low"] <= ratio["ratio"]["value"] <= ratio["ratio"]["ci_high"]
    assert "an interval at 95 % needs 6: take 6 or more" in " ".join(done.stdout.split())
    assert "Little's law" in done.stdout
    assert done.returncode == 3
    told = [file.read_text() for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in (*told, done.stdout, done.stderr))


def test_a_log_in_that_is_refused_ends_in_one_line_with_exit_2_and_tells_no_secret(
    tmp_path: Path, url: str
) -> None:
    done = load(tmp_path, example(url), "wr0ng-word")
    line = done.stderr.splitlines()[-1]

    assert done.returncode == 2
    assert "shop.toml: shop: login: POST /login: HTTP 401; " in line
    assert "wr0ng-word" not in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_a_service_that_does_not_answer_the_log_in_is_no_measurement(tmp_path: Path) -> None:
    done = load(tmp_path, example(f"http://127.0.0.1:{free_port()}"))

    assert (done.returncode, "no answer (ConnectionRefusedError)" in done.stderr) == (3, True)
