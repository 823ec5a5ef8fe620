"""`claimbench check`: read what is to be compared, measure the base revision if asked to, judge, tell."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from claimbench.errors import InvalidMeasurementError, NothingToCompareError, UsageError
from claimbench.loadgen.commands.progress import say, shown_progress
from claimbench.loadgen.commands.recheck import scenario_of
from claimbench.loadgen.gate.contestants import Contestant
from claimbench.loadgen.gate.duel import Ring, open_ring
from claimbench.loadgen.gate.machine import MachineWatch
from claimbench.loadgen.gate.n_plus_one import write_sarif
from claimbench.loadgen.gate.worktree import BaseEnvironment, checked_out, sha_of
from claimbench.reports.judge.gate import GateCase, Tiers, judge_gate
from claimbench.reports.judge.statistics import Values
from claimbench.reports.judge.timing import LookPlan, decide, is_statistical, rule_of_duel
from claimbench.reports.pages.gate import gate_page
from claimbench.reports.record.calibration import Calibration
from claimbench.reports.record.gate import Duel, Fitness, GateRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import BASELINE, CALIBRATION, RUN, read
from claimbench.reports.record.values import Sample
from claimbench.reports.render import github, terminal
from claimbench.scenarios.loader import project_thresholds
from claimbench.scenarios.model import Arm, Scenario
from claimbench.scenarios.thresholds import BASE, Threshold, merged, parse_thresholds

DEFAULT_BASE_RULES = ("base.time_s: <1.05", "base.peak_memory_bytes: <1.10")
"""What the base revision is compared by when the scenario and the project declare nothing about it."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The command line of `claimbench check`."""

    results: Path
    baseline: Path | None
    base_rev: str | None
    base_environment: BaseEnvironment
    scenario: str | None
    tiers: Tiers
    believed: tuple[str, ...]
    calibration: Path | None
    database: str
    out: Path | None
    sarif: Path | None = None


def check_and_report(options: CheckOptions, console: Console) -> int:
    """Judge a run, write the gate's folder, show and annotate; the exit code is the verdict's."""
    record = read(RUN, options.results)
    scenario = scenario_of(record, options.scenario)
    thresholds = _thresholds(scenario, options)
    baseline = read(BASELINE, options.baseline) if options.baseline else None
    if options.calibration:
        refuse_foreign(read(CALIBRATION, options.calibration), record, options.calibration)
        refuse_below_floor(thresholds, options.calibration)
    duel = _measured(record, scenario, thresholds, options, console) if options.base_rev else None
    case = GateCase(
        record, thresholds, baseline, duel, options.believed, options.tiers, seed=scenario.workload.seed
    )
    gate = judge_gate(case, version("claimbench"))
    _tell(gate, options, console)
    _search_n_plus_one(_candidate(record), scenario, options, console)
    return gate.verdict.exit_code


def _candidate(record: ResultRecord) -> Arm:
    """The arm as it ran, which may be another one than the scenario's own."""
    arm = next(each for each in record.arms if each.role == "candidate")
    return Arm.model_validate(arm.model_dump())


def _search_n_plus_one(arm: Arm, scenario: Scenario, options: CheckOptions, console: Console) -> None:
    if options.sarif is None:
        return
    with shown_progress(console) as progress:
        found = write_sarif(scenario, arm, options.database, options.sarif, progress)
    say(f"{found} N+1 findings in {options.sarif}", console)


def _thresholds(scenario: Scenario, options: CheckOptions) -> tuple[Threshold, ...]:
    found = merged(scenario.thresholds, project_thresholds(Path.cwd()))
    has_base_rule = any(each.subject == BASE and is_statistical(each) for each in found)
    if options.base_rev and not has_base_rule:
        found = (*found, *parse_thresholds(list(DEFAULT_BASE_RULES)))
    return found


OLDEST_CALIBRATION = timedelta(days=366)


def refuse_foreign(calibration: Calibration, record: ResultRecord, file: Path) -> None:
    """Raise `NothingToCompareError` (exit 4) for a calibration that says nothing about this run."""
    for what in _foreign(calibration, record):
        raise NothingToCompareError(
            what, where=str(file), remedy=f"calibrate here: claimbench calibrate {record.scenario.name}"
        )


def _foreign(calibration: Calibration, record: ResultRecord) -> Iterator[str]:
    if calibration.scenario_sha256 != record.scenario.sha256:
        yield f"is of another scenario, {calibration.scenario!r}, or of it before it was edited"
    for name in ("cpu", "architecture", "cores", "cores_usable"):
        then, now = calibration.environment.get(name), record.environment.get(name)
        if then != now:
            yield f"is of another machine: {name} {then!r}, and the run has {now!r}"
    age = abs(record.moment - datetime.fromisoformat(calibration.started_at))
    if age > OLDEST_CALIBRATION:
        yield f"is {age.days} days from the run, and a machine changes within a year"
    if not calibration.outcomes:
        yield "has no outcomes: too few blocks were recorded to tell a floor"


def refuse_below_floor(thresholds: Sequence[Threshold], file: Path) -> None:
    """Raise `UsageError` (exit 2) for a rule about the base revision that noise alone would break."""
    for outcome in read(CALIBRATION, file).outcomes[:1]:
        for floor in outcome.floors:
            for threshold in thresholds:
                allowed = 100 * (threshold.limit - 1)
                about = threshold.subject == BASE and threshold.place.metric == floor.metric
                if about and allowed < floor.noise_percent:
                    raise UsageError(
                        f"not gateable here: noise alone reaches {floor.noise_percent:.1f} %",
                        where=str(threshold),
                        remedy=f"allow more than that, or calibrate on a quieter machine ({file.name})",
                    )


@dataclass(frozen=True, slots=True)
class _Measuring:
    """Blocks of two contestants, taken only while the looks need more."""

    ring: Ring
    contestants: Sequence[Contestant]
    record: ResultRecord
    thresholds: Sequence[Threshold]
    samples: list[Sample]

    def take(self, count: int) -> Sequence[Values]:
        start = len({each.block for each in self.samples})
        for block in range(start, start + count):
            self.samples.extend(self.ring.block(block, self.contestants))
        values = [rule_of_duel(each, self.record, self.duel(Fitness())).values for each in self.thresholds]
        if any((each <= 0).any() for each in values):
            raise InvalidMeasurementError(
                "a block is 0, and nothing can be compared with nothing",
                where="base revision",
                remedy="take a larger scenario",
            )
        return [each[start : start + count] for each in values]

    def duel(self, fitness: Fitness) -> Duel:
        return Duel(
            base_revision="",
            head_revision="",
            pipeline=self.contestants[0].pipeline,
            samples=tuple(self.samples),
            fitness=fitness,
        )


def _measured(
    record: ResultRecord,
    scenario: Scenario,
    thresholds: Sequence[Threshold],
    options: CheckOptions,
    console: Console,
) -> Duel:
    """The candidate as the base revision has it beside the present one, as often as the looks need."""
    folder, revision = Path.cwd(), options.base_rev or ""
    arm = _candidate(record)
    asked = [each for each in thresholds if each.subject == BASE and is_statistical(each)]
    others = sum(is_statistical(each) for each in thresholds) - len(asked)
    with (
        shown_progress(console) as progress,
        checked_out(revision, folder, options.base_environment, progress.note) as base,
    ):
        contestants = (
            base.contestant("base", arm.pipeline, arm.indexes),
            Contestant("head", arm.pipeline, arm.indexes),
        )
        with open_ring(scenario, options.database, contestants, progress) as ring:
            watch = MachineWatch()
            measuring = _Measuring(ring, contestants, record, asked, [])
            questions = [rule_of_duel(each, record, measuring.duel(Fitness())).hypothesis for each in asked]
            decide(questions, measuring.take, LookPlan(), others)
            fitness = watch.fitness(ring.way.asked_ms, ring.way.achieved_ms)
        duel = measuring.duel(fitness)
        return duel.model_copy(update={"base_revision": base.sha, "head_revision": sha_of("HEAD", folder)})


def _tell(gate: GateRecord, options: CheckOptions, console: Console) -> None:
    folder = options.out or (options.results if options.results.is_dir() else options.results.parent) / "gate"
    # Not before: it brings matplotlib, which would be measured as memory of whoever is forked here.
    from claimbench.reports.render.folder import write_folder  # noqa: PLC0415 (as said above)

    write_folder(gate, folder)
    page = gate_page(gate)
    terminal.show(page, console)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        console.file.write(github.annotations(page))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(github.comment(page))
    say(f"gate: {folder / 'gate.json'}", console)
