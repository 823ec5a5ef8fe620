from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.loadgen.load.capacity import broken, point, search
from claimbench.loadgen.load.histogram import Latencies
from claimbench.loadgen.load.recorder import Finished, Recorder, Totals, latency
from claimbench.loadgen.load.validity import Bounds, problems
from claimbench.reports.record.load import CapacityPoint, Generated, WorkerRecord
from claimbench.scenarios.load import CapacitySearch, Objective

LIMITS = CapacitySearch(lowest=5, highest=1_000, step=timedelta(seconds=5), precision=0.05)
OBJECTIVE = Objective(
    response_p95=timedelta(milliseconds=500),
    end_to_end_p95=timedelta(seconds=10),
    failed=0.01,
    lag_p99=timedelta(milliseconds=100),
)
BOUNDS = Bounds(lag_p99=timedelta(milliseconds=100))


def tried(rate: float, response_p95_ms: float, **changed: float) -> CapacityPoint:
    values = {"lag_p99_ms": 1.0, "end_to_end_p95_ms": 100.0, "failed_share": 0.0, **changed}
    made = CapacityPoint(
        rate_per_s=rate, completed_per_s=rate, response_p95_ms=response_p95_ms, broken="", **values
    )
    return made.model_copy(update={"broken": broken(made, OBJECTIVE)})


def queue(capacity: float, rate: float) -> CapacityPoint:
    """A service of known capacity: 10 ms, and far too long beyond it."""
    return tried(rate, 10 if rate <= capacity else 10_000)


def generated(
    requests: list[Finished], *, dropped: int = 0, cpu: float = 0.1, lost: int = 0, silent: int = 0
) -> Generated:
    account, ledger = Recorder(0, 1.0), Totals(["ask"], 1.0)
    for each in requests:
        account.finish(each)
    for _ in range(dropped):
        account.drop(0, 0.0)
    for packet in account.packets():
        ledger.add(packet)
    worker = WorkerRecord(index=0, arrivals=1, cpu_share=cpu, cpu_share_peak=cpu, report_bytes_max=1)
    return Generated(
        planned=len(requests) + dropped,
        duration_s=2.0,
        window_s=1.0,
        workers_expected=1 + lost,
        workers_lost=lost,
        heartbeats_lost=silent,
        workers=(worker,),
        total=ledger.total(),
        operations=ledger.operations(),
        series=ledger.series(),
        failures=ledger.failures(),
    )


@given(st.floats(5, 999))
def test_the_search_finds_a_known_capacity_within_its_precision(capacity: float) -> None:
    found = search("a", LIMITS, lambda rate: queue(capacity, rate))

    assert found.rate_per_s is not None
    assert found.rate_per_s <= capacity <= found.rate_per_s * 1.051
    assert len(found.points) <= 16


def test_a_service_that_bears_the_highest_rate_is_said_to_have_at_least_that() -> None:
    found = search("a", LIMITS, lambda rate: queue(5_000, rate))

    assert found.rate_per_s == 1_000
    assert found.is_ceiling


def test_a_service_that_does_not_bear_the_lowest_rate_has_no_capacity_and_is_asked_once() -> None:
    found = search("a", LIMITS, lambda rate: queue(1, rate))

    assert found.rate_per_s is None
    assert len(found.points) == 1


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"lag_p99_ms": 101}, "lag"),
        ({"end_to_end_p95_ms": 10_001}, "end to end"),
        ({"failed_share": 0.011}, "failed"),
    ],
)
def test_each_objective_can_break_a_rate_and_is_named(changed: dict[str, float], word: str) -> None:
    assert word in tried(10, 20, **changed).broken


def test_exactly_the_objective_is_within_it() -> None:
    assert tried(10, 500, lag_p99_ms=100, end_to_end_p95_ms=10_000, failed_share=0.01).broken == ""


def test_a_step_counts_dropped_arrivals_as_failed() -> None:
    step = point(2, generated([Finished(0, 0, 0, 0.1)] * 3, dropped=1), None, OBJECTIVE)

    assert step.failed_share == 0.25
    assert "25.0%" in step.broken


def test_a_step_tells_the_time_until_results_were_stored() -> None:
    stored = Latencies()
    stored.record(4.0)
    step = point(2, generated([Finished(0, 0, 0, 0.1)]), latency(stored), OBJECTIVE)

    assert step.end_to_end_p95_ms == pytest.approx(4_000, rel=1e-3)


def test_a_fit_generator_has_no_problem() -> None:
    assert list(problems(generated([Finished(0, 0, 0.001, 9.0)]), BOUNDS)) == []


@pytest.mark.parametrize(
    ("unfit", "word"),
    [
        (generated([Finished(0, 0, 0, 1)], lost=1), "lost"),
        (generated([Finished(0, 0, 0, 1)], silent=2), "silent 2 times"),
        (generated([Finished(0, 0, 0, 1)], cpu=0.95), "95% of a core"),
        (generated([Finished(0, 0, 0.2, 1)]), "behind their schedule"),
        (generated([Finished(0, 0, 0, 1)], dropped=1), "maxVUs"),
        (generated([]).model_copy(update={"planned": 3}), "3 of 3 arrivals are not accounted for"),
    ],
)
def test_each_way_of_being_unfit_is_named(unfit: Generated, word: str) -> None:
    found = list(problems(unfit, BOUNDS))

    assert len(found) == 1
    assert word in found[0]
