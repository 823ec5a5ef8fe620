"""`claimbench selftest`: the gate against regressions that are known to be there."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from claimbench.errors import ExitCode
from claimbench.loadgen.bench.opening import Bench, open_bench
from claimbench.loadgen.commands.progress import Progress, shown_progress
from claimbench.loadgen.gate import injections
from claimbench.loadgen.gate.contestants import Contestant
from claimbench.loadgen.gate.duel import open_ring
from claimbench.loadgen.gate.machine import MachineWatch, fitness_of_way, refuse_unfit
from claimbench.loadgen.passes.exact import ExactPasses
from claimbench.loadgen.workloads.port import Workload
from claimbench.loadgen.workloads.registry import workload_of
from claimbench.reports.judge.counters import REPEATS, CounterRules, counter_findings, entries_of, readings_of
from claimbench.reports.judge.gate import Tiers
from claimbench.reports.judge.statistics import Values
from claimbench.reports.judge.timing import Hypothesis, LookPlan, Take, decide
from claimbench.reports.judge.validity import unfit
from claimbench.reports.record.gate import Baseline
from claimbench.reports.record.values import Interval, Sample
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import Arm, ArmRole, Scenario

PLACE = f"{injections.__name__}:"
TIME_LIMIT, MEMORY_LIMIT = 1.05, 1.10
DISTORTION = 1.02
"""An interval that misses what was injected by more than this is the machine's, not the injection's."""


@dataclass(frozen=True, slots=True)
class SelftestOptions:
    """The command line of `claimbench selftest`."""

    scenario: str
    blocks: int
    arm: str
    tiers: Tiers
    database: str


@dataclass(frozen=True, slots=True)
class Injection:
    """A regression: the pipeline that has it, what it is gated by, and whether the gate must find it."""

    name: str
    pipeline: str
    metric: str = ""
    indexes: str = "after"
    must: bool = True
    factor: float = 1.0
    """How many times as much it needs, for what is read in blocks."""


INTO_COUNTERS = (
    Injection("+1 query per run", f"{PLACE}QueryPerRun"),
    Injection("+1 query per request", f"{PLACE}QueryPerRequest"),
    Injection("cold cache", f"{PLACE}ColdCache"),
    Injection("dropped index", f"{PLACE}Wrapped", indexes="before"),
)
INTO_BLOCKS = (
    Injection("+5 % time (at the limit)", f"{PLACE}Slower5", "time", must=False, factor=1.05),
    Injection("+10 % time", f"{PLACE}Slower10", "time", factor=1.10),
    Injection("+20 % time", f"{PLACE}Slower20", "time", factor=1.20),
    Injection("+20 % memory", f"{PLACE}Memory20", "peak_memory", factor=1.20),
)


@dataclass(frozen=True, slots=True)
class SelftestOutcome:
    """What the gate said of an injection."""

    injection: Injection
    value: str
    evidence: str

    @property
    def is_missed(self) -> bool:
        """Whether it stayed green where it must not."""
        return self.injection.must and self.value == "pass"

    @property
    def is_undecided(self) -> bool:
        """Whether it could not tell where it must."""
        decided = self.value in ("pass", "fail")
        return self.value == "distorted" or (self.injection.must and not decided)


def selftest_and_report(options: SelftestOptions, console: Console) -> int:
    """Inject, judge, show; exit 1 if the gate stayed green, 3 if it could not decide."""
    os.environ[injections.INSIDE] = options.arm
    scenario = load(options.scenario)
    if options.tiers is Tiers.ALL:
        refuse_unfit(MachineWatch().before(), "selftest")
    with shown_progress(console) as progress:
        seen = list(counter_tier(scenario, options, progress))
        if options.tiers is Tiers.ALL:
            seen += _timing_tier(scenario, options, progress)
    _show(seen, console)
    if any(each.is_missed for each in seen):
        return ExitCode.REFUTED
    return ExitCode.INCONCLUSIVE if any(each.is_undecided for each in seen) else ExitCode.OK


def _show(seen: Sequence[SelftestOutcome], console: Console) -> None:
    table = Table("Injected", "The gate says", box=SIMPLE_HEAD)
    table.add_column("Evidence", overflow="fold")
    for each in seen:
        word = "missed" if each.is_missed else each.value
        table.add_row(each.injection.name, word, each.evidence)
    console.print(table)
    required = [each for each in seen if each.injection.must]
    found = sum(each.value == "fail" for each in required)
    console.print(f"{found} of {len(required)} regressions that must be found were found", highlight=False)


def counter_tier(
    scenario: Scenario, options: SelftestOptions, progress: Progress
) -> Iterator[SelftestOutcome]:
    """The gate over each injection into counters, at the scenario's own size."""
    with open_bench(scenario, options.database, progress) as opened:
        bench = _CounterBench(scenario, workload_of(scenario), opened)
        clean = readings_of(bench.samples(Injection("clean", f"{PLACE}Wrapped")))
        rules = CounterRules(_baseline(scenario, entries_of(clean)), (), frozenset(), 0.05, 1)
        for injection in INTO_COUNTERS:
            readings = readings_of(bench.samples(injection))
            findings = list(counter_findings(readings, rules))
            red = [each for each in findings if each.value == "fail"]
            evidence = (
                f"{red[0].subject}: {red[0].measured}" if red else f"{len(findings)} counters are equal"
            )
            yield SelftestOutcome(injection, "fail" if red else "pass", evidence)


def _baseline(scenario: Scenario, counters: Sequence[object]) -> Baseline:
    return Baseline.model_validate(
        {
            "claimbench": version("claimbench"),
            "scenario": scenario.name,
            "scenario_sha256": scenario.sha256,
            "dataset_hash": "",
            "run": "",
            "saved_at": "",
            "reason": "the clean pipeline of this selftest",
            "counters": tuple(counters),
        }
    )


@dataclass(frozen=True, slots=True)
class _CounterBench:
    """Counts one pipeline as a run does, at the scenario's own size."""

    scenario: Scenario
    workload: Workload
    bench: Bench

    def samples(self, injection: Injection) -> tuple[Sample, ...]:
        arm = Arm.model_validate(
            {
                "name": "pipeline",
                "pipeline": injection.pipeline,
                "role": ArmRole.CANDIDATE,
                "indexes": injection.indexes,
            }
        )
        size = self.scenario.dataset.size
        alone = self.scenario.model_copy(update={"arms": (arm,)})
        self.bench.progress.note(f"counting: {injection.name}")
        passes = ExactPasses(alone, self.workload, self.bench)
        return tuple(passes.repeated(self.bench.templates(self.workload, (arm,), size), size, REPEATS))


def _timing_tier(
    scenario: Scenario, options: SelftestOptions, progress: Progress
) -> Iterator[SelftestOutcome]:
    """All contestants run in the same blocks, so that the machine is in the same state for all of them."""
    clean = Contestant("clean", f"{PLACE}Wrapped")
    injected = [Contestant(each.name, each.pipeline) for each in INTO_BLOCKS]
    with open_ring(scenario, options.database, (clean,), progress) as ring:
        refuse_unfit(fitness_of_way(ring.way), "selftest")
        watch = MachineWatch()
        blocks = SharedBlocks(lambda number: ring.block(number, (clean, *injected)))
        plan = looks_of(options.blocks)
        seen = [_seen(injection, blocks.taker_for(injection), plan) for injection in INTO_BLOCKS]
        reasons = unfit(watch.fitness(ring.way.asked_ms, ring.way.achieved_ms))
        yield from (
            replace(each, value="invalid", evidence="; ".join(reasons)) if reasons else each for each in seen
        )


def looks_of(most_blocks: int) -> LookPlan:
    """The gate's bounded looks, here in two steps, and as many blocks again to confirm a red."""
    return LookPlan(blocks=(most_blocks // 4, most_blocks // 2), shares=(0.4, 0.6))


class SharedBlocks:
    """Blocks that are taken when the first injection asks for them, and are there for the next one."""

    def __init__(self, measure: Callable[[int], Iterable[Sample]]) -> None:
        self._measure = measure
        self._blocks: list[tuple[Sample, ...]] = []

    def taker_for(self, injection: Injection) -> Take:
        """What the looks at one injection call: its values by the clean ones', from the first block on."""
        given = 0

        def take(count: int) -> Sequence[Values]:
            nonlocal given
            start, given = given, given + count
            while len(self._blocks) < given:
                self._blocks.append(tuple(self._measure(len(self._blocks))))
            return [np.array([_ratio(block, injection) for block in self._blocks[start:given]])]

        return take


def _ratio(block: Sequence[Sample], injection: Injection) -> float:
    """The injected pipeline's rounds by the clean one's, each by their median, as the gate compares them."""
    injected, clean = (
        np.median([each.value for each in block if (each.arm, each.metric) == (arm, injection.metric)])
        for arm in (injection.name, "clean")
    )
    return float(injected / clean)


def _seen(injection: Injection, take: Take, plan: LookPlan) -> SelftestOutcome:
    limit = TIME_LIMIT if injection.metric == "time" else MEMORY_LIMIT
    (answer,) = decide([Hypothesis(injection.metric, limit)], take, plan)
    interval = answer.interval
    told = f"{interval.value:.3f}x [{interval.ci_low:.3f}, {interval.ci_high:.3f}], limit {limit:g}"
    evidence = f"{injection.metric} {told}, {answer.blocks} blocks"
    if is_distorted(injection.factor, interval):
        read = f"{injection.factor:g}x was injected and is read as {interval.value:.2f}x"
        return SelftestOutcome(injection, "distorted", f"{evidence}: {read}, so this machine cannot tell")
    return SelftestOutcome(injection, answer.value, evidence)


def is_distorted(factor: float, interval: Interval) -> bool:
    """Whether what was injected lies clearly outside of what was read: the machine adds to it or hides it."""
    return not interval.ci_low / DISTORTION <= factor <= interval.ci_high * DISTORTION
