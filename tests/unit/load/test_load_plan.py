import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.errors import ExitCode, UsageError
from claimbench.loadgen.load.arrivals import Stretch
from claimbench.loadgen.load.collector import Collector, GeneratorProcess
from claimbench.loadgen.load.driver import generate
from claimbench.loadgen.load.loopback import require_loopback
from claimbench.loadgen.load.plan import Body, Credential, LoadPlan, Operation, Task, TenantKey, read_plan
from claimbench.loadgen.load.planning import Access, default_plan, plan_of, tenants_of
from claimbench.loadgen.load.requests import Requests
from claimbench.reports.record.load import WorkerRecord
from claimbench.scenarios.loader import load

SUBMIT = Operation(
    name="submit", method="POST", path="/v1/sessions", body=Body.BULK, credential=Credential.TENANT
)
READ = Operation(name="read", path="/v1/sessions/{session}", credential=Credential.TENANT)
PLAN = LoadPlan(
    host="http://127.0.0.1:8000",
    profile=(Stretch(2, 10, 10),),
    operations=(SUBMIT, READ),
    tenants=(TenantKey(company_id=1, key="one"), TenantKey(company_id=2, key="two", session_id=8)),
    bulk_size=3,
)


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1:8000/",
        "http://127.8.9.1",
        "http://localhost:1",
        "http://[::1]:80",
        "https://127.0.0.1",
    ],
)
def test_load_may_go_to_this_machine(host: str) -> None:
    assert require_loopback(host) == host.rstrip("/")


@pytest.mark.parametrize(
    "host",
    [
        "http://example.org",
        "http://10.0.0.1:8000",
        "http://0.0.0.0:80",
        "http://127.0.0.1.example.org",
        "http://localhost@example.org",
        "https://example.org",
        "ftp://127.0.0.1",
        "http://me:secret@127.0.0.1",
        "http://127.0.0.1/?key=1",
        "127.0.0.1:8000",
        "http://127.0.0.1:99999",
        "http://[::1",
        "",
    ],
)
def test_load_to_any_other_host_is_refused_in_one_line_with_exit_code_2(host: str) -> None:
    with pytest.raises(UsageError) as refused:
        require_loopback(host)

    assert refused.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(refused.value)


def test_a_plan_reads_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(PLAN.model_dump_json())

    assert read_plan(file) == PLAN


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("in_flight_max", 0),
        ("in_flight_max", 10**20),
        ("bulk_size", 10**20),
        ("seed", -1),
        ("operations", []),
        ("operations", [{"name": "x", "path": "/"}, {"name": "x", "path": "/y"}]),
        ("operations", [{"name": "x", "path": "/ HTTP/1.1"}]),
        ("operations", [{"name": "x", "path": "/", "headers": {"X": "a\r\nY: b"}}]),
        ("profile", [{"duration_s": 1}]),
        ("profile", [{"duration_s": 1, "rate_from": 1, "rate_to": 1, "rate": 1}]),
        ("profile", [{"duration_s": 1, "rate_from": "1", "rate_to": 1}]),
        ("profile", [{"duration_s": 1, "rate_from": math.inf, "rate_to": 1}]),
        ("profile", [{"duration_s": 1e9, "rate_from": 1, "rate_to": 1}]),
        ("headers", {"Authorization": "Bearer x"}),
        ("new", 1),
    ],
)
def test_a_wrong_plan_is_refused_by_its_key(tmp_path: Path, key: str, value: object) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(json.loads(PLAN.model_dump_json()) | {key: value}))

    with pytest.raises(UsageError, match=key):
        read_plan(file)


def test_a_plan_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.json.*no such file"):
        read_plan(tmp_path / "nowhere.json")


@given(st.integers(0, 10_000), st.integers(0, 1))
def test_the_same_arrival_sends_the_same_request_in_every_process(position: int, tenant: int) -> None:
    task = Task(position, 0, tenant, 0.0)
    request = Requests(PLAN).of(task)

    assert request == Requests(PLAN).of(task)
    assert len(json.loads(request.body or "")["sessions"]) == PLAN.bulk_size
    assert request.headers[0].value == f"Bearer {PLAN.tenants[tenant].key}"


def test_two_arrivals_send_different_sessions_under_different_idempotency_keys() -> None:
    requests = Requests(PLAN)
    first, second = (requests.of(Task(position, 0, 0, 0.0)) for position in (1, 2))

    assert first.body != second.body
    assert first.headers[-1] != second.headers[-1]


def test_a_reader_reads_what_its_own_tenant_submitted_before() -> None:
    requests = Requests(PLAN)
    requests.learn(Task(0, 0, 0, 0.0), b'{"sessions": [{"id": 77}]}')

    assert requests.of(Task(5, 1, 0, 0.0)).path == "/v1/sessions/77"
    assert requests.of(Task(5, 1, 1, 0.0)).path == "/v1/sessions/8"


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"sessions": []}', b"3"])
def test_what_is_no_receipt_teaches_nothing(content: bytes) -> None:
    requests = Requests(PLAN)
    requests.learn(Task(0, 0, 0, 0.0), content)

    assert requests.of(Task(5, 1, 0, 0.0)).path == "/v1/sessions"


def test_the_scenarios_load_becomes_a_plan_with_its_rate_and_places() -> None:
    scenario = load("load-smoke")
    assert scenario.load
    plan = plan_of(scenario.load, Access("http://127.0.0.1:1", PLAN.tenants, "token"))

    assert plan.duration_s == sum(scenario.load.lengths_s)
    assert plan.in_flight_max == scenario.load.places
    assert "submit_bulk" in [each.name for each in plan.operations]


def test_by_hand_what_has_no_key_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMBENCH_TENANT_KEYS", "")
    monkeypatch.setenv("CLAIMBENCH_ADMIN_TOKEN", "secret")

    assert [each.name for each in default_plan("").operations] == ["admin"]


def test_by_hand_without_any_key_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAIMBENCH_TENANT_KEYS", raising=False)
    monkeypatch.delenv("CLAIMBENCH_ADMIN_TOKEN", raising=False)

    with pytest.raises(UsageError, match="CLAIMBENCH_TENANT_KEYS"):
        default_plan("")


@pytest.mark.parametrize("text", ["cbk_q", "x:cbk_q", "7:", "7:a,cbk_q"])
def test_a_wrong_list_of_keys_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        tenants_of(text)

    assert text not in str(refused.value).replace("1:KEY,2:KEY", "")


def collector(*clients: str) -> Collector:
    return Collector(PLAN, [GeneratorProcess(client) for client in clients], now_s=0.0)


def done(index: int) -> WorkerRecord:
    return WorkerRecord(index=index, arrivals=1, cpu_share=0, cpu_share_peak=0, report_bytes_max=0)


def test_a_run_is_over_when_every_process_is_done() -> None:
    run = collector("a", "b")
    run.finish("a", done(0))
    run.look({"a", "b"}, 1.0)
    waited_for_b = not run.is_over
    run.finish("b", done(1))

    assert waited_for_b
    assert run.is_over
    assert run.generated().workers_lost == 0


def test_a_process_that_stops_answering_is_counted_as_lost() -> None:
    run = collector("a", "b")
    run.finish("a", done(0))
    run.look({"a"}, 1.0)

    assert run.is_over
    assert run.generated().workers_lost == 1
    assert run.generated().heartbeats_lost == 1


def test_a_process_that_comes_back_in_time_is_not_lost_but_its_silence_is_told() -> None:
    run = collector("a", "b")
    run.look({"a"}, 1.0)
    run.look({"a", "b"}, 2.0)
    run.finish("a", done(0))
    run.finish("b", done(1))

    assert run.generated().workers_lost == 0
    assert run.generated().heartbeats_lost == 1


def test_a_run_is_not_waited_for_longer_than_its_plan_allows() -> None:
    run = collector("a")
    run.look({"a"}, PLAN.duration_s + PLAN.timeout_s + 60)

    assert run.is_over
    assert run.generated().workers_lost == 1


def test_the_driver_refuses_a_foreign_host_before_it_starts_anything() -> None:
    with pytest.raises(UsageError, match="loopback"):
        generate(PLAN.model_copy(update={"host": "http://example.org"}))
