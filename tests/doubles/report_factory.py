"""Made-up runs, realistic in shape; never shipped as results."""

from collections.abc import Iterator

import numpy as np

from claimbench.reports.judge.conclude import RunFacts
from claimbench.reports.record.values import ArmRecord, Equivalence, Sample, Term, Words
from claimbench.scenarios.metrics import INDEXES, STAGES
from claimbench.scenarios.model import Scenario

ARMS = (
    ArmRecord(name="naive", pipeline="naive", role="reference", indexes="before"),
    ArmRecord(name="optimized", pipeline="optimized", role="candidate", indexes="after"),
)
WORDS = Words(
    size="companies",
    step="stage",
    run="scheduler run",
    counted_by="active_companies",
    terms=(
        Term(word="naive", meaning="the document's “before”, as a team writes it first"),
        Term(word="company", meaning="a customer whose chat sessions wait to be analysed"),
    ),
)
SHARES = {"create_batches": 0.5, "check_statuses": 0.1, "process_results": 0.3, "retry_failed": 0.1}
PER_COMPANY = {"round_trips": 30.0, "statements": 27.0, "rows": 240.0, "wal_bytes": 31_000.0}
LEFT = {"round_trips": 0.18, "statements": 0.3, "rows": 0.35, "wal_bytes": 0.9}


def made_up_facts(scenario: Scenario) -> RunFacts:
    return RunFacts(
        samples=tuple(all_samples(scenario)),
        environment={
            "python": "3.11.7",
            "postgres": "18.4 (embedded)",
            "cpu": "2 x made-up",
            "commit": None,
            "load_1min": 0.4,
            "quiet": True,
        },
        dataset={"seed": 20_250, "companies": 50, "requests": 600, "sha256": "ab" * 32},
        arms=ARMS,
        equivalence=Equivalence(equal=True, differences=(), rows_compared=12_345, api_requests_compared=321),
        words=WORDS,
        started_at="2026-01-02T03:04:05+00:00",
        version="0.1.0",
        command="claimbench run document --seed 1",
    )


def all_samples(scenario: Scenario) -> Iterator[Sample]:
    for size in scenario.workload.sizes:
        yield from counters(size)
        yield from lookups(size)
    random = np.random.default_rng(5)
    for block in range(scenario.workload.blocks):
        machine = float(np.exp(random.normal(0, 0.05)))
        for rtt in scenario.network.rtt_ms:
            yield from times(block, rtt, machine, random)
    for block in range(scenario.workload.memory_blocks):
        for size, naive in ((50, 48e6), (10, 24e6)):
            for arm, peak in (("naive", naive), ("optimized", 22e6)):
                value = peak * float(np.exp(random.normal(0, 0.02)))
                yield sample(arm, "run", "peak_memory", value, unit="B", block=block, size=size)
    yield sample("optimized", "timetable", "cache_hit_rate", 0.971, unit="ratio")
    for index in INDEXES:
        yield sample("optimized", index, "index_used", 1.0, unit="flag")


def sample(  # noqa: PLR0917 (a sample has eight fields)
    arm: str,
    stage: str,
    metric: str,
    value: float,
    unit: str = "count",
    block: int = 0,
    rtt_ms: float = 0.0,
    size: int = 50,
) -> Sample:
    return Sample(
        arm=arm,
        block=block,
        stage=stage,
        metric=metric,
        unit=unit,
        value=value,
        rtt_ms=rtt_ms,
        size=size,
    )


def counters(size: int) -> Iterator[Sample]:
    for metric, each in PER_COMPANY.items():
        unit = "B" if metric.endswith("bytes") else "count"
        for arm in ("naive", "optimized"):
            total = each * size if arm == "naive" else each * size * LEFT[metric] + 12
            for stage, share in SHARES.items():
                yield sample(arm, stage, metric, total * share, unit=unit, size=size)
            yield sample(arm, "run", metric, total, unit=unit, size=size)


def lookups(size: int) -> Iterator[Sample]:
    for arm, first, cached, each in (("naive", 4, 4, size), ("optimized", 1, 0, 1)):
        yield sample(arm, "run", "company_lookups_first", first, size=size)
        yield sample(arm, "run", "company_lookups_cached", cached, size=size)
        yield sample(arm, "run", "active_companies", size, size=size)
        yield sample(arm, "create_batches", "pending_lookups", each, size=size)
        yield sample(arm, "check_statuses", "status_lookups", each, size=size)
        yield sample(arm, "retry_failed", "failed_lookups", each, size=size)


def times(block: int, rtt: float, machine: float, random: np.random.Generator) -> Iterator[Sample]:
    for arm, base, trips in (("naive", 0.9, 1500), ("optimized", 0.62, 290)):
        total = 0.0
        for stage in STAGES:
            clean = (base + trips * rtt / 1000 * 0.35) * SHARES[stage]
            value = clean * machine * float(np.exp(random.normal(0, 0.04)))
            total += value
            yield sample(arm, stage, "time", value, unit="s", block=block, rtt_ms=rtt)
        yield sample(arm, "run", "time", total, unit="s", block=block, rtt_ms=rtt)
