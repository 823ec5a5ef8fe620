"""Load records made of simulated requests, for the tests of judgement and reports."""

import random
from collections.abc import Iterable
from functools import cache

from claimbench.loadgen.load.histogram import Latencies
from claimbench.loadgen.load.recorder import Finished, Recorder, Totals, latency
from claimbench.reports.judge.load import LoadFacts, judge_load
from claimbench.reports.record.load import (
    BlockRecord,
    CapacityPoint,
    CapacityRecord,
    Generated,
    Latency,
    LoadRecord,
    Served,
    WorkerRecord,
)
from claimbench.reports.record.values import ArmRecord, Equivalence
from claimbench.scenarios.loader import load
from claimbench.scenarios.metrics import OF_LOADS
from claimbench.scenarios.thresholds import parse_thresholds

ARMS = (
    ArmRecord(name="naive", pipeline="naive", role="reference", indexes="before"),
    ArmRecord(name="optimized", pipeline="optimized", role="candidate", indexes="after"),
)
EQUAL = Equivalence(equal=True, differences=(), rows_compared=100, api_requests_compared=10)


def simulated(mean_ms: float, seed: int, count: int = 600) -> Generated:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    account, ledger = Recorder(0, 1.0), Totals(["submit", "read"], 1.0)
    for position in range(count):
        due = position / 50
        sent = due + chance.expovariate(2_000)
        ended = sent + chance.expovariate(1000 / mean_ms)
        account.finish(Finished(position % 2, due, sent, ended, "HTTP 503" if position % 200 == 0 else ""))
    for packet in account.packets():
        ledger.add(packet)
    return Generated(
        planned=count,
        duration_s=count / 50,
        window_s=1.0,
        workers_expected=1,
        workers_lost=0,
        heartbeats_lost=0,
        workers=(
            WorkerRecord(index=0, arrivals=count, cpu_share=0.2, cpu_share_peak=0.4, report_bytes_max=900),
        ),
        total=ledger.total(),
        operations=ledger.operations(),
        series=ledger.series(),
        failures=ledger.failures(),
    )


def times(mean_s: float, seed: int) -> Latency:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    latencies = Latencies()
    for _ in range(200):
        latencies.record(chance.expovariate(1 / mean_s))
    return latency(latencies)


@cache
def block(arm: str, number: int, mean_ms: float, problems: tuple[str, ...] = ()) -> BlockRecord:
    seed = number * 100 + int(mean_ms)
    return BlockRecord(
        arm=arm,
        block=number,
        position=0,
        rate_per_s=50,
        generated=simulated(mean_ms, seed),
        served=Served(
            server_cpu_s=mean_ms / 10,
            server_memory_bytes=10**8,
            round_trips=int(mean_ms * 100),
            rows=5,
            wal_bytes=6,
            end_to_end=times(mean_ms / 20, seed),
            stored=190,
            unfinished=10,
        ),
        problems=problems,
    )


def capacity(arm: str, rate: float) -> CapacityRecord:
    tried = tuple(
        CapacityPoint(
            rate_per_s=each,
            completed_per_s=min(each, rate),
            response_p95_ms=20 * (1 if each <= rate else 50),
            lag_p99_ms=2,
            end_to_end_p95_ms=900 * (1 if each <= rate else 20),
            failed_share=0,
            broken="" if each <= rate else "p95 of the response 1,000 ms > 500 ms",
        )
        for each in (rate / 2, rate, 2 * rate)
    )
    return CapacityRecord(arm=arm, rate_per_s=rate, is_ceiling=False, points=tried)


def facts(blocks: Iterable[BlockRecord] | None = None, equivalence: Equivalence = EQUAL) -> LoadFacts:
    measured = blocks or [
        block(arm, number, mean) for number in range(6) for arm, mean in (("naive", 80), ("optimized", 10))
    ]
    return LoadFacts(
        blocks=tuple(measured),
        capacities=(capacity("naive", 20), capacity("optimized", 90)),
        arms=ARMS,
        environment={"os": "Test", "cores": 2},
        dataset={"hash": "abc"},
        equivalence=equivalence,
        started_at="2026-01-02T03:04:05+00:00",
        version="0.0",
        command="claimbench load load",
    )


def record(found: LoadFacts, **thresholds: str) -> LoadRecord:
    scenario = load("load")
    assert scenario.load
    rules = parse_thresholds({key.replace("__", "."): [rule] for key, rule in thresholds.items()}, OF_LOADS)
    return judge_load(scenario, scenario.load.model_copy(update={"thresholds": rules}), found)
