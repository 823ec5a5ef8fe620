from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.errors import UsageError
from claimbench.loadgen.load.planning import profile
from claimbench.scenarios.grammar import Operator
from claimbench.scenarios.loader import load
from claimbench.scenarios.metrics import OF_LOADS, LoadMetric
from claimbench.scenarios.model import Scenario
from claimbench.scenarios.thresholds import parse_threshold, parse_thresholds

SMOKE = Path(__file__).parents[3] / "scenarios/claimbench/scenarios/files/load-smoke.toml"
CONSTANT = 'executor = "constant-arrival-rate"\nrate = 5\nduration = "1s"'
HEAD = SMOKE.read_text().split("[load]")[0]


def scenario(tmp_path: Path, table: str) -> Scenario:
    file = tmp_path / "own.toml"
    file.write_text(f"{HEAD}[load]\n{table}")
    return load(file)


@pytest.mark.parametrize("name", ["load", "load-smoke"])
def test_the_shipped_loads_are_sound(name: str) -> None:
    found = load(name)

    assert found.load
    assert found.load.thresholds


def test_a_capacity_is_looked_for_per_second_whatever_the_rates_unit_is(tmp_path: Path) -> None:
    search = '[load.capacity]\nlowest = 1\nhighest = {}\nstep = "1d"'
    found = scenario(tmp_path, CONSTANT + '\ntimeUnit = "1ms"\n' + search.format(100)).load

    assert found
    assert found.capacity
    assert found.capacity.highest == 100
    with pytest.raises(UsageError, match="17,280,000 arrivals"):
        scenario(tmp_path, CONSTANT + '\ntimeUnit = "1h"\n' + search.format(200))


def test_k6s_words_describe_a_ramp(tmp_path: Path) -> None:
    table = """
    executor = "ramping-arrival-rate"
    startRate = 60
    timeUnit = "1m"
    preAllocatedVUs = 5
    stages = [{ target = 600, duration = "10s" }, { target = 0, duration = "30s" }]
    """
    found = scenario(tmp_path, table).load
    assert found

    assert [(each.rate_from, each.rate_to, each.duration_s) for each in profile(found)] == [
        (1, 10, 10),
        (10, 0, 30),
    ]
    assert found.places == 5


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('executor = "constant-arrival-rate"\nrate = 5', "needs rate and duration"),
        ('executor = "ramping-arrival-rate"', "needs stages"),
        ('executor = "constant-vus"\nrate = 5', "executor"),
        ('executor = "constant-arrival-rate"\nrate = 0\nduration = "1s"', "load.rate"),
        (CONSTANT + "\nblocks = 1000000000", "load.blocks"),
        (CONSTANT + "\nseed = -1", "load.seed"),
        (CONSTANT.replace("5", "50") + '\ntimeUnit = "1us"', "50,000,000 arrivals"),
        ('executor = "constant-arrival-rate"\nrate = 100000\nduration = "1d"', "8,640,000,000 arrivals"),
        (
            CONSTANT + '\n[load.capacity]\nlowest = 1\nhighest = 100000\nstep = "1d"',
            "8,640,000,000 arrivals, and a load has at most 10,000,000: lower rate or duration",
        ),
        (CONSTANT + "\nvus = 3", "load.vus: unknown key"),
        (CONSTANT + "\nmaxVu = 3", "maxVUs"),
        (
            CONSTANT + "\nmaxVUs = 3\npreAllocatedVUs = 4",
            "maxVUs is below",
        ),
        (CONSTANT + '\n[load.pace]\ninterval = "10ms"', "from 100ms to 5min"),
        (
            'executor = "ramping-arrival-rate"\nstages = [{ target = 0, duration = "1s" }]',
            "nothing would arrive",
        ),
        (
            CONSTANT + '\n[load.thresholds]\nfaild = ["rate<1"]',
            "did you mean 'failed'",
        ),
        (
            CONSTANT + '\n[load.capacity]\nlowest = 9\nhighest = 3\nstep = "1s"',
            "lowest must be below highest",
        ),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_key(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(UsageError, match="load") as refused:
        scenario(tmp_path, table)

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "text", "key_told", "rule_told"),
    [
        ("http_req_duration", "p(95)<500", "response_time", "p(95)<500"),
        ("http_req_failed{operation:submit}", "rate<0.01", "failed{operation:submit}", "rate<0.01"),
        ("dropped_iterations", "count===0", "dropped", "count==0"),
        ("failed{arm: naive, operation: a}", "rate <= 1e-1", "failed{arm:naive,operation:a}", "rate<=0.1"),
        ("ratio.end_to_end", "med<0.5", "ratio.end_to_end", "p(50)<0.5"),
        ("ratio.capacity", "value>=3", "ratio.capacity", "value>=3"),
    ],
)
def test_thresholds_are_read_as_k6_writes_them(key: str, text: str, key_told: str, rule_told: str) -> None:
    threshold = parse_threshold(key, text, OF_LOADS)

    assert (threshold.key, threshold.rule) == (key_told, rule_told)


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("response_time", "p(97)<1", "p(97) is not kept"),
        ("response_time", "rate<1", "no statistic of response_time"),
        ("response_time", "fast", "is no threshold"),
        ("response_time{size:1}", "p(95)<1", "is no tag"),
        ("ratio.response_time{arm:naive}", "p(95)<1", "remove the tag arm"),
        ("throughput{operation:submit}", "rate>1", "remove the tag operation"),
        ("latency", "p(95)<1", "unknown"),
        ("", "p(95)<1", "is no key"),
    ],
)
def test_a_wrong_threshold_is_refused_with_what_would_be_right(key: str, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_threshold(key, text, OF_LOADS)

    assert told in str(refused.value)


@given(
    st.sampled_from([metric for metric in LoadMetric if metric.is_time]),
    st.sampled_from(["p(50)", "p(90)", "p(95)", "p(99)", "p(99.9)", "max", "avg"]),
    st.sampled_from(Operator),
    st.floats(0.001, 1e6),
)
def test_a_threshold_prints_back_to_the_text_that_reads_as_the_same(
    metric: LoadMetric, statistic: str, operator: Operator, limit: float
) -> None:
    threshold = parse_threshold(metric.value, f"{statistic}{operator.value}{limit!r}", OF_LOADS)

    assert parse_thresholds({threshold.key: [threshold.rule]}, OF_LOADS) == (threshold,)


def test_a_load_says_nothing_of_the_workload_that_it_does_not_read(tmp_path: Path) -> None:
    assert "\nblocks" not in HEAD

    assert scenario(tmp_path, CONSTANT).workload.runs == 2


def test_a_scenario_of_a_load_may_still_say_how_a_run_takes_it(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(HEAD.replace("runs = 2", "runs = 2\nblocks = 3\ncompanies = [2]") + "[load]\n" + CONSTANT)

    assert load(file).workload.blocks == 3


def test_thresholds_of_a_load_know_the_units_and_subjects_of_every_threshold() -> None:
    assert parse_threshold("response_time", "p(95)<2s", OF_LOADS).limit == 2_000
    assert parse_threshold("naive.failed", "rate<1%", OF_LOADS) == parse_threshold(
        "failed{arm:naive}", "rate<0.01", OF_LOADS
    )


def test_a_load_has_no_base_revision() -> None:
    with pytest.raises(ValueError, match=r"write ratio\.failed"):
        parse_threshold("base.failed", "rate<1", OF_LOADS)
