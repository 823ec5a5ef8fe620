"""`claimbench calibrate`: record A/A blocks, quiet and under CPU load, then simulate gate runs from them."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from claimbench.loadgen.commands.progress import say, shown_progress
from claimbench.loadgen.gate.contestants import Contestant
from claimbench.loadgen.gate.duel import Ring, open_ring
from claimbench.loadgen.gate.machine import MachineWatch, cpu_load, fitness_of_way, refuse_unfit
from claimbench.loadgen.probes.machine import environment
from claimbench.reports.judge.calibration import (
    INDEPENDENT_BLOCKS,
    RatioLimit,
    Simulation,
    gated_of,
    outcome_of,
)
from claimbench.reports.judge.gate import method_of
from claimbench.reports.judge.timing import LookPlan
from claimbench.reports.pages.calibration import calibration_page
from claimbench.reports.record.calibration import Calibration, Condition
from claimbench.reports.record.store import CALIBRATION, read, write
from claimbench.reports.record.values import Sample
from claimbench.reports.render import terminal
from claimbench.scenarios.loader import load

LIMITS = (RatioLimit("time", 1.05), RatioLimit("peak_memory", 1.10))
QUIET, CPU_LOAD = "quiet", "under CPU load"


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """The command line of `claimbench calibrate`."""

    scenario: str
    blocks: int
    simulations: int
    arm: str
    cpu_load: bool
    database: str
    again: Path | None
    out: Path


def calibrate_and_report(options: CalibrateOptions, console: Console) -> None:
    """Record or read, simulate, write, show."""
    calibration = read(CALIBRATION, options.again) if options.again else _recorded(options, console)
    if all(each.blocks >= INDEPENDENT_BLOCKS for each in calibration.conditions):
        outcomes = tuple(
            outcome_of(each, _simulation(each, options, calibration)) for each in calibration.conditions
        )
        calibration = calibration.model_copy(update={"outcomes": outcomes})
        write(CALIBRATION, calibration, options.out)
    if calibration.outcomes:
        terminal.show(calibration_page(calibration), console)
    say(f"calibration: {options.out}", console)
    for condition in calibration.conditions:
        if condition.name == QUIET:
            refuse_unfit(condition.fitness, "calibrate")
    if not calibration.outcomes:
        console.print(f"recorded only: {INDEPENDENT_BLOCKS} blocks or more are needed to simulate gate runs")


def _simulation(condition: Condition, options: CalibrateOptions, calibration: Calibration) -> Simulation:
    method = calibration.method
    plan = LookPlan(method.looks, method.shares, method.alpha, method.beta, method.confirmation_alpha)
    return Simulation(gated_of(condition.samples, LIMITS), plan, options.simulations, method.seed)


def _recorded(options: CalibrateOptions, console: Console) -> Calibration:
    scenario = load(options.scenario)
    refuse_unfit(MachineWatch().before(), "calibrate")
    contestants = tuple(Contestant(name, options.arm) for name in ("base", "head"))
    calibration = Calibration(
        claimbench=version("claimbench"),
        scenario=scenario.name,
        scenario_sha256=scenario.sha256,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=environment(),
        method=method_of(LookPlan(), scenario.workload.seed),
        conditions=(),
    )
    with (
        shown_progress(console) as progress,
        open_ring(scenario, options.database, contestants, progress) as ring,
    ):
        refuse_unfit(fitness_of_way(ring.way), "calibrate")
        for name in (QUIET, CPU_LOAD) if options.cpu_load else (QUIET,):
            condition = _condition(name, ring, contestants, options.blocks)
            calibration = calibration.model_copy(update={"conditions": (*calibration.conditions, condition)})
            write(CALIBRATION, calibration, options.out)  # saved at once: a recording takes long
    return calibration


def _condition(name: str, ring: Ring, contestants: Sequence[Contestant], blocks: int) -> Condition:
    watch = MachineWatch()
    samples: list[Sample] = []
    with cpu_load() if name == CPU_LOAD else nullcontext():
        for block in range(blocks):
            samples.extend(ring.block(block, contestants))
    fitness = watch.fitness(ring.way.asked_ms, ring.way.achieved_ms)
    return Condition(name=name, samples=tuple(samples), fitness=fitness)
