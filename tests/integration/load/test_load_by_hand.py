"""Locust by hand: fitness, partial outcome and exit are those of `claimbench load`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import mishap_endpoint
import pytest

from claimbench.loadgen.processes.free_port import free_port

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed"),
]

LOCUSTFILE = Path(__file__).parents[3] / "loadgen/locustfile.py"
LOCUST = (
    *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)),
    *("--headless", "--only-summary", "--loglevel", "ERROR"),
)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    command = [sys.executable, mishap_endpoint.__file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


class Made:
    """A load that was made by hand: exit code, what was said, and the outcome, if there is one."""

    def __init__(self, folder: Path, plan: dict[str, Any], *words: str) -> None:
        file, outcome = folder / "plan.json", folder / "outcome.json"
        file.write_text(json.dumps(plan))
        done = subprocess.run(
            [*LOCUST, "--plan", str(file), "--outcome", str(outcome), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.code, self.said = done.returncode, done.stderr
        self.outcome = json.loads(outcome.read_text()) if outcome.exists() else None
        self.total = self.outcome["total"] if self.outcome else {}


def plan(host: str, path: str, **changes: Any) -> dict[str, Any]:
    operation = {"name": "x", "path": path, "method": changes.pop("method", "GET")}
    operation |= {"body": changes.pop("body")} if "body" in changes else {}
    changes.setdefault("lag_p99_s", 10)  # how late a crowded machine is, is not asked here
    stretch = {"duration_s": changes.pop("seconds", 1), "rate_from": 50, "rate_to": 50}
    return {"host": host, "profile": [stretch], "operations": [operation], **changes}


def test_every_request_that_the_service_died_of_is_a_failure_and_none_is_sent_again(
    tmp_path: Path, host: str
) -> None:
    made = Made(tmp_path, plan(host, "/drop", method="POST"))
    read, dropped = (int(word) for word in httpx.get(f"{host}/count").text.split())

    assert (made.total["arrivals"], made.total["failed"], made.total["resent"]) == (read, dropped, 0)
    assert [each["reason"] for each in made.outcome["failures"]] == ["ConnectionEndedError"]
    assert made.code == 1


def test_a_second_run_measures_no_replays_of_the_first(tmp_path: Path, host: str) -> None:
    asked = plan(host, "/keys", method="POST", body="submission")
    first, second = Made(tmp_path, asked), Made(tmp_path, asked)

    assert [made.total["completed"] for made in (first, second)] == [50, 50]
    assert [made.total["replayed"] for made in (first, second)] == [0, 0]
    assert [made.code for made in (first, second)] == [0, 0]


def test_a_run_that_drops_arrivals_ends_with_3_and_says_so(tmp_path: Path, host: str) -> None:
    made = Made(tmp_path, plan(host, "/slow", in_flight_max=1))

    assert made.total["dropped"] > 20
    assert "arrivals found no place in flight" in made.said
    assert made.code == 3


def test_a_run_that_is_cut_short_keeps_what_was_measured_and_ends_with_3(tmp_path: Path, host: str) -> None:
    made = Made(tmp_path, plan(host, "/", seconds=20), "-t", "2s")

    assert 0 < made.total["arrivals"] < 1000
    assert "arrivals are not accounted for" in made.said
    assert made.code == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seconds": 0}, "profile: a duration is above 0"),
        ({"seconds": -3}, "profile: a duration is above 0"),
        ({"operations": [{"name": "x", "path": "/", "credential": "tenant"}]}, "tenants: "),
        ({"operations": [{"name": "x", "path": "/", "credential": "admin"}]}, "admin_token: "),
    ],
)
def test_a_plan_that_cannot_be_made_is_refused_in_one_line(
    tmp_path: Path, host: str, changes: dict[str, Any], told: str
) -> None:
    made = Made(tmp_path, plan(host, "/", **changes))

    assert (made.code, told in made.said.splitlines()[-1]) == (2, True)
    assert "Traceback" not in made.said


def test_the_host_of_the_command_line_counts_before_the_plans(tmp_path: Path, host: str) -> None:
    made = Made(tmp_path, plan(f"http://127.0.0.1:{free_port()}", "/"), "--host", host)

    assert (made.total["completed"], made.total["failed"], made.code) == (50, 0, 0)


def test_tags_are_refused_in_one_line(tmp_path: Path, host: str) -> None:
    made = Made(tmp_path, plan(host, "/"), "--tags", "some")

    assert (made.code, "a plan has no tags" in made.said.splitlines()[-1]) == (2, True)


def test_an_outcome_that_cannot_be_written_is_refused_before_the_load(tmp_path: Path, host: str) -> None:
    made = Made(tmp_path, plan(host, "/"), "--outcome", str(tmp_path))

    assert (made.code, "cannot be written" in made.said.splitlines()[-1]) == (2, True)


def test_each_run_checks_itself_by_littles_law(tmp_path: Path, host: str) -> None:
    made = Made(tmp_path, plan(host, "/slow", seconds=2))
    line = next(line for line in made.said.splitlines() if "Little's law" in line)

    assert float(line.rsplit("off by ", 1)[1].rstrip("%")) <= 2
