"""Made-up runs for the gate, realistic in shape; never shipped as results."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from claimbench.reports.judge.conclude import RunFacts, judge
from claimbench.reports.judge.counters import baseline_of
from claimbench.reports.judge.gate import GateCase, judge_gate, method_of
from claimbench.reports.judge.timing import LookPlan
from claimbench.reports.record.calibration import Bias, Calibration, Caught, Floor, Simulated
from claimbench.reports.record.gate import Baseline, Duel, Fitness, GateRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import ArmRecord, Equivalence, Sample, Words
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import Scenario
from claimbench.scenarios.thresholds import Threshold, parse_thresholds

ARMS = (
    ArmRecord(name="naive", pipeline="naive", role="reference", indexes="before"),
    ArmRecord(name="optimized", pipeline="optimized", role="candidate", indexes="after"),
)
BLOCKS = 24
SCENARIO = Path(__file__).with_name("gate_scenario.toml")


def a_scenario() -> Scenario:
    """One like smoke with sizes of its own, so that these tests do not move with that file."""
    return load(SCENARIO)


def sample(arm: str, metric: str, value: float, unit: str = "count", **more: object) -> Sample:
    told = {"block": 0, "stage": "run", "rtt_ms": 0.0, "size": 8} | more
    return Sample.model_validate({"arm": arm, "metric": metric, "value": value, "unit": unit, **told})


def counters(repeats: int = 3) -> Iterator[Sample]:
    for block in range(repeats):
        for companies in (4, 8):
            for arm, trips in (("naive", 30.0 * companies), ("optimized", 40.0)):
                for metric, factor, unit in (("round_trips", 1, "count"), ("statements", 0.9, "count")):
                    value = trips * factor
                    yield sample(arm, metric, value, unit, block=block, size=companies)
                yield sample(arm, "row_bytes", 900.0 * companies, "B", block=block, size=companies)


def times(seed: int = 5, blocks: int = BLOCKS) -> Iterator[Sample]:
    random = np.random.default_rng(seed)
    for block in range(blocks):
        machine = np.exp(random.normal(0, 0.1))
        for rtt in (0.0, 1.0):
            for arm, base in (("naive", 0.9), ("optimized", 0.3)):
                value = base * machine * np.exp(random.normal(0, 0.04))
                yield sample(arm, "time", value, "s", block=block, rtt_ms=rtt)


def a_run(samples: tuple[Sample, ...] = (), started_at: str = "2026-01-02T03:04:05+00:00") -> ResultRecord:
    facts = RunFacts(
        samples=samples or (*counters(), *times()),
        environment={"cores_usable": 2, "load_average_1min": 0.4, "rtt_1_ms_achieved": 1.05},
        dataset={"hash": "ab" * 32},
        arms=ARMS,
        equivalence=Equivalence(equal=True, differences=(), rows_compared=10, api_requests_compared=3),
        words=Words(size="companies", step="stage", run="scheduler run", counted_by="active_companies"),
        started_at=started_at,
        version="0.1.0",
    )
    return judge(a_scenario(), facts)


def a_later_run(change: Callable[[Sample], Sample | None] = lambda each: each) -> ResultRecord:
    samples = (*counters(), *times(seed=6))
    kept = tuple(each for each in map(change, samples) if each is not None)
    return a_run(kept, started_at="2026-01-03T03:04:05+00:00")


def a_baseline() -> Baseline:
    return baseline_of(a_run(), "first")


def rules(**table: str) -> tuple[Threshold, ...]:
    return parse_thresholds({key.replace("__", "."): text for key, text in table.items()})


def a_duel(effect: float = 1.0, noise: float = 0.03, seed: int = 7, blocks: int = 96) -> Duel:
    random = np.random.default_rng(seed)
    found = []
    for block in range(blocks):
        machine = np.exp(random.normal(0, 0.2))
        for arm, factor in (("base", 1.0), ("head", effect)):
            value = 0.3 * factor * machine * np.exp(random.normal(0, noise))
            found.append(sample(arm, "time", value, "s", block=block, rtt_ms=1.0))
    return Duel(
        base_revision="1" * 40,
        head_revision="2" * 40,
        pipeline="optimized",
        samples=tuple(found),
        fitness=Fitness(load_per_core=0.5),
    )


def checked(run: ResultRecord, **changes: object) -> GateRecord:
    case = GateCase(run, thresholds=(), baseline=a_baseline())
    return judge_gate(replace(case, **changes), "0.1.0")


def multiplied(metric: str, factor: float, arm: str = "optimized") -> Callable[[Sample], Sample]:
    def change(each: Sample) -> Sample:
        if (each.metric, each.arm) != (metric, arm):
            return each
        return each.model_copy(update={"value": each.value * factor})

    return change


def without(**wanted: object) -> Callable[[Sample], Sample | None]:
    def change(each: Sample) -> Sample | None:
        return None if all(getattr(each, name) == value for name, value in wanted.items()) else each

    return change


def an_outcome(**changes: object) -> Simulated:
    """What a calibration of quiet blocks says, with a value of every kind, but for these changes."""
    told: dict[str, object] = {
        "condition": "quiet",
        "blocks": 60,
        "runs": 400,
        "seed": 1,
        "false_alarms": 3,
        "rival_false_alarms": (Caught(name="mean", rule="> 5 %", events=90, trials=400),),
        "floors": (a_floor(),),
        "curve": (Caught(name="+10 % time", rule="", events=390, trials=400),),
        "biases": (Bias(metric="time", head_worse=31, blocks=60, p_value=0.9),),
    }
    return Simulated.model_validate(told | changes)


def a_floor(**changes: object) -> Floor:
    told = {"metric": "time", "limit": 1.05, "noise_percent": 1.2, "smallest_found_percent": 8.0}
    return Floor.model_validate(told | changes)


def a_calibration(run: ResultRecord, **changes: object) -> Calibration:
    """Of this run's scenario and machine, without blocks, but for these changes."""
    told: dict[str, object] = {
        "claimbench": "0.1.0",
        "scenario": run.scenario.name,
        "scenario_sha256": run.scenario.sha256,
        "started_at": "2026-01-01T00:00:00+00:00",
        "environment": dict(run.environment),
        "method": method_of(LookPlan(), 1),
        "conditions": (),
        "outcomes": (an_outcome(),),
    }
    return Calibration.model_validate(told | changes)
