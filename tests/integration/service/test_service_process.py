"""`claimbench serve` and `claimbench worker` from outside: they do the work, drain, and give nothing away."""

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import httpx
import pytest
import uvicorn
from service_house import ADMIN_TOKEN, session_form
from service_process import RunningService, process, running_service
from sqlalchemy import URL, create_engine

from claimbench.errors import ClaimbenchError, ExitCode
from claimbench.impl.service.hosting import listen
from claimbench.loadgen.bench.databases import Workshop
from claimbench.loadgen.commands.serve import serve_verb
from claimbench.loadgen.fake_openai.server import running_server
from claimbench.loadgen.processes.free_port import free_port

pytestmark = [pytest.mark.whole, pytest.mark.xdist_group("served")]  # one service for most


@pytest.fixture(scope="module")
def service(module_database: URL) -> Iterator[RunningService]:
    with running_service(module_database, "--speed", "300") as running:
        yield running


async def hello(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def bare_uvicorn() -> Iterator[str]:
    """uvicorn as it comes, on a port of its own."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(hello, port=port, lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def eventually(claim: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true thing that the claim says; AssertionError when it never says one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := claim():
            return found
        time.sleep(0.1)
    raise AssertionError("it never came true")


def test_what_is_submitted_is_answered_and_stored(service: RunningService) -> None:
    bulk = {"sessions": [session_form(f"question {number}", asks=4) for number in range(5)]}
    session_ids = service.submit(1, bulk)

    def answered() -> Any:
        seen = [service.tenant(1, "GET", f"/v1/sessions/{one}").json() for one in session_ids]
        states = {request["status"] for one in seen for request in one["requests"]}
        return seen if states == {"PROCESSING_COMPLETE"} else None

    for session in eventually(answered):
        assert all(session["answers"].values())


def test_pausing_stops_the_stages_and_resuming_starts_them(service: RunningService) -> None:
    service.admin("POST", "/admin/scheduler/pause")
    paused = service.admin("GET", "/admin/batch-monitoring").json()
    service.admin("POST", "/admin/scheduler/resume")
    resumed = service.admin("GET", "/admin/batch-monitoring").json()

    assert [paused["health"], paused["workers"][0]["scheduler"]["state"]] == ["paused", "paused"]
    assert resumed["workers"][0]["scheduler"]["state"] == "running"


def test_switching_lets_the_next_stages_run_on_the_other_pipeline(service: RunningService) -> None:
    service.admin("POST", "/admin/pipeline", json={"pipeline": "naive"})
    worker = service.admin("GET", "/admin/batch-monitoring").json()["workers"][0]
    service.submit(1, {"sessions": [session_form(asks=4) for _ in range(4)]})

    def told() -> bool:
        log = service.admin("GET", "/admin/batch-monitoring/log?operation=create_batches").json()
        return log["lines"][0]["detail"].startswith("naive:")

    assert worker["pipeline"] == "naive"
    assert eventually(told)


def test_invalidating_the_cache_reaches_the_worker(service: RunningService) -> None:
    service.admin("POST", "/admin/pipeline", json={"pipeline": "optimized"})
    service.admin("POST", "/admin/cache/invalidate")
    worker = service.admin("GET", "/admin/batch-monitoring").json()["workers"][0]

    assert worker["cache"]["invalidations"] >= 1


def test_a_client_that_sends_half_a_request_line_is_hung_up_on(service: RunningService) -> None:
    host, _, port = service.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(b"GET /hea")

        assert line.recv(1000) == b""


def median_ms(address: str, path: str, count: int = 40) -> float:
    """Of the answers on one kept connection, from the second on."""
    taken = []
    with httpx.Client(base_url=address, timeout=10) as client:
        for _ in range(count):
            began = time.perf_counter()
            client.get(path)
            taken.append((time.perf_counter() - began) * 1000)
    return median(taken[1:])


def test_a_kept_connection_is_answered_as_soon_as_by_a_bare_uvicorn(service: RunningService) -> None:
    with bare_uvicorn() as address:
        bare, ours = median_ms(address, "/"), median_ms(service.address, "/health")

    assert ours < bare + 15  # a delayed acknowledgement takes 40


def test_seventy_slow_connections_without_a_key_cost_tenants_nothing(service: RunningService) -> None:
    host, _, port = service.address.removeprefix("http://").partition(":")
    half = b"POST /v1/sessions/bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{"
    with ExitStack() as stack:
        for _ in range(70):
            line = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            line.sendall(half)
        statuses = {service.tenant(1, "GET", "/v1/statistics").status_code for _ in range(5)}

    assert statuses == {200}


def test_serving_tells_no_secret(service: RunningService) -> None:
    said = "\n".join(service.process.said)

    assert "serving on http://127.0.0.1:" in said
    assert ADMIN_TOKEN not in said
    assert "sk-for-tests" not in said


def test_a_request_that_is_being_served_is_finished_when_the_service_is_told_to_stop(database: URL) -> None:
    with running_service(database) as service:
        service.tenant(1, "GET", "/v1/statistics")
        bulk = {"sessions": [session_form("x" * 2_000, asks=4) for _ in range(500)]}
        with httpx.Client(base_url=service.address, timeout=30) as client:
            headers = {"authorization": f"Bearer {service.keys[1]}"}
            request = client.build_request("POST", "/v1/sessions/bulk", json=bulk, headers=headers)
            response = client.send(request, stream=True)
            code = service.process.end() if response.status_code else -1

        assert (response.status_code, code) == (201, 0)
        assert "what was being served was finished" in service.process.said[-1]


def test_two_workers_share_the_work_and_both_are_seen(database: URL) -> None:
    with (
        running_server(speed=3600) as fake,
        process("serve", database, fake.base_url, "--port", "0", "--scheduler", "none") as served,
        process("worker", database, fake.base_url, "--speed", "300") as first,
        process("worker", database, fake.base_url, "--speed", "300", "--pipeline", "naive") as second,
    ):
        service = RunningService(served.wait_for("serving on").split()[-1], served)
        first.wait_for("runs optimized")
        second.wait_for("runs naive")
        session_ids = service.submit(1, {"sessions": [session_form(asks=4) for _ in range(20)]})

        def done() -> bool:
            states = service.tenant(1, "GET", "/v1/statistics").json()["requests"]
            return states["PROCESSING_COMPLETE"] >= 4 * len(session_ids)

        eventually(done)
        workers = service.admin("GET", "/admin/batch-monitoring").json()["workers"]
        codes = [first.end(), second.end()]

        assert sorted(worker["pipeline"] for worker in workers) == ["naive", "optimized"]
        assert codes == [0, 0]
        assert eventually(
            lambda: service.admin("GET", "/admin/batch-monitoring").json()["health"] == "stopped"
        )


def test_a_demo_brings_what_it_needs_answers_the_commands_that_it_tells_and_leaves_nothing(
    workshop: Workshop,
) -> None:
    server = workshop.server.admin_url
    arguments = ("--demo", "--port", "0", "--database", server.render_as_string(hide_password=False))
    there = "SELECT datname FROM pg_database ORDER BY datname"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        before = connection.exec_driver_sql(there).scalars().all()
        with process("serve", server, "http://127.0.0.1:1", *arguments, DATABASE_URL="") as demo:
            demo.wait_for("Ctrl-C ends all of this")
            posts, lists = (line for line in demo.said if line.startswith("  curl "))
            key = demo.wait_for("export KEY=").partition("=")[2]
            told = json.loads(shell(posts, KEY=key))
            answered = eventually(lambda: '"PROCESSING_COMPLETE"' in shell(lists, KEY=key))
            code = demo.end()
        after = connection.exec_driver_sql(there).scalars().all()
    engine.dispose()

    assert told["requests"][0]["status"] == "PENDING_BATCHING"
    assert (answered, code) == (True, 0)
    assert before == after


def shell(command: str, **environment: str) -> str:
    surroundings = {**os.environ, **environment}
    return subprocess.run(
        ["bash", "-c", command], env=surroundings, capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.mark.parametrize("arguments", [{}, {"demo": True}])
def test_a_port_that_is_taken_is_told_in_one_line(
    database: URL, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, bool]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.render_as_string(hide_password=False))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-tests")
    with listen("127.0.0.1", 0) as taken, pytest.raises(ClaimbenchError) as told:
        serve_verb(port=taken.getsockname()[1], **arguments)

    assert re.fullmatch(r"127.0.0.1:\d+: cannot listen \(.*in use.*\); choose another .*", str(told.value))
    assert told.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ({"pipeline": "imaginary"}, {}, "there is no pipeline 'imaginary'"),
        ({"speed": 0.0}, {}, "0 is not a speed"),
        ({}, {"OPENAI_API_KEY": ""}, "OPENAI_API_KEY: there is no API key"),
        (
            {},
            {"CLAIMBENCH_ADMIN_TOKEN": "blanks are none of a token"},
            "holds a blank or a control character",
        ),
        ({}, {"OPENAI_BASE_URL": "http://[::"}, "the API client cannot be made"),
        ({}, {"OPENAI_BASE_URL": "127.0.0.1:8080/v1"}, "the API client cannot be made"),
        ({}, {"OPENAI_BASE_URL": "http://127.0.0.1:808080/v1"}, "the API client cannot be made"),
        ({}, {"CLAIMBENCH_ADMIN_TOKEN": "short"}, "the admin token has less than 16 characters"),
        ({"host": "no.such.host.invalid"}, {}, "cannot listen"),
        ({}, {"DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:1/none"}, "cannot use the database"),
        ({}, {"DATABASE_URL": ""}, "the service needs a database that stays"),
    ],
)
def test_a_mistake_is_told_in_one_line_that_says_what_to_do(
    database: URL,
    arguments: dict[str, Any],
    environment: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {
        "DATABASE_URL": database.render_as_string(hide_password=False),
        "OPENAI_API_KEY": "sk-for-tests",
        "CLAIMBENCH_ADMIN_TOKEN": ADMIN_TOKEN,
        **environment,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ClaimbenchError) as told:
        serve_verb(port=0, **arguments)

    assert said in str(told.value)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)
