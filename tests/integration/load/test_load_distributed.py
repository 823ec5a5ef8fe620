"""Locust itself, as processes of their own: alone, forked, and as a master with two workers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import idle_endpoint
import pytest

from claimbench.loadgen.load.arrivals import Spacing, Stretch
from claimbench.loadgen.load.driver import generate, ready_generator
from claimbench.loadgen.load.histogram import from_text
from claimbench.loadgen.load.plan import LoadPlan, Operation
from claimbench.loadgen.processes.free_port import free_port
from claimbench.reports.record.load import Generated

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed"),
]

LOCUSTFILE = Path(__file__).parents[3] / "loadgen/locustfile.py"
LOCUST = (sys.executable, "-m", "locust", "-f", str(LOCUSTFILE))
QUIET = ("--headless", "--only-summary", "--loglevel", "ERROR")


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    command = [sys.executable, idle_endpoint.__file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def plan(host: str) -> LoadPlan:
    return LoadPlan(
        host=host,
        profile=(Stretch(1, 10, 80), Stretch(1, 80, 80)),
        spacing=Spacing.POISSON,
        seed=11,
        operations=(Operation(name="read", path="/r", weight=3), Operation(name="list", path="/l")),
    )


@contextmanager
def started(*words: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def master_and_two_workers(folder: Path, plan: LoadPlan) -> Generated:
    plan_file, outcome, port = folder / "plan.json", folder / "outcome.json", str(free_port())
    plan_file.write_text(plan.model_dump_json())
    master = (
        "--master",
        "--expect-workers",
        "2",
        "--master-bind-host",
        "127.0.0.1",
        "--master-bind-port",
        port,
    )
    files = ("--plan", str(plan_file), "--outcome", str(outcome))
    with ExitStack() as stack:
        leading = stack.enter_context(started(*LOCUST, *QUIET, *master, *files))
        for _ in range(2):
            stack.enter_context(started(*LOCUST, "--worker", "--master-port", port, "--loglevel", "ERROR"))
        said, _ = leading.communicate(timeout=60)
        assert outcome.exists(), said
    return Generated.model_validate_json(outcome.read_bytes())


def counted(generated: Generated) -> list[tuple[str, int, int, int]]:
    return [
        (each.name, each.arrivals, from_text(each.response.histogram).count, each.failed)
        for each in (generated.total, *generated.operations)
    ]


def test_a_master_with_two_workers_of_their_own_tells_what_one_process_tells(
    tmp_path: Path, host: str
) -> None:
    one, three = generate(plan(host)), master_and_two_workers(tmp_path, plan(host))

    assert counted(three) == counted(one)
    assert [(point.at_s, point.arrivals) for point in three.series] == [
        (point.at_s, point.arrivals) for point in one.series
    ]
    assert (three.workers_expected, three.workers_lost) == (2, 0)
    assert abs(three.workers[0].arrivals - three.workers[1].arrivals) <= 1


def test_forked_processes_share_the_schedule_without_loss_or_repetition(host: str) -> None:
    generated = generate(plan(host), processes=2)

    assert generated.total.completed == generated.planned == len(plan(host).times())
    assert generated.total.failed == 0


def test_two_loads_on_one_machine_do_not_get_in_each_others_way(host: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: generate(plan(host), processes=2), range(2)))

    assert [each.total.completed for each in both] == 2 * [len(plan(host).times())]


def test_a_service_that_is_not_there_fails_every_request_by_name() -> None:
    generated = generate(plan(f"http://127.0.0.1:{free_port()}"))

    assert generated.total.failed == generated.planned
    assert {each.reason for each in generated.failures} == {"ConnectionRefusedError"}


def test_the_locustfile_refuses_another_host_in_one_line_with_exit_code_2() -> None:
    done = subprocess.run(
        [*LOCUST, *QUIET, "--host", "http://example.org"],
        env={**os.environ, "CLAIMBENCH_ADMIN_TOKEN": "any"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "loopback" in line] == done.stderr.splitlines()[-1:]


def test_the_generator_that_cannot_start_is_told_by_its_last_words(tmp_path: Path) -> None:
    done = subprocess.run(
        [*LOCUST, *QUIET, "--plan", str(tmp_path / "none.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert "none.json: cannot be read" in done.stderr.splitlines()[-1]


def test_a_plan_that_never_comes_is_named_with_exit_code_2(tmp_path: Path) -> None:
    missing = tmp_path / "plan.json"
    done = subprocess.run(
        [*LOCUST, *QUIET, "--plan", str(missing), "--await-plan", "0.2"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        f"claimbench: {missing}: cannot be read (no such file or directory); name a plan file",
    )


def test_a_generator_that_is_ready_begins_when_its_plan_comes_and_ends_without_one(host: str) -> None:
    with ready_generator() as unused:
        pass
    with ready_generator() as generator:
        generated = generator.generate(plan(host))

    assert unused.process.returncode is not None
    assert generated.total.completed == generated.planned
