"""The timing pass: pytest-benchmark times each arm once in each block, in random order, with no probe on.

A block is a process of its own with fresh clones and fresh connections: that is the unit of replication.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from claimbench.errors import InvalidMeasurementError
from claimbench.impl.ports import Stage
from claimbench.loadgen.databases import Template, Workshop
from claimbench.loadgen.progress import Progress
from claimbench.loadgen.relay import Relayed
from claimbench.loadgen.timing_plan import PLAN_VARIABLE, TimingPlan, Turn
from claimbench.reports.record import Sample
from claimbench.scenarios.model import Arm, Scenario

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TimingPass:
    """What the pass needs: each arm's template, a tiny one for warm-ups, and the ways to the server."""

    scenario: Scenario
    workshop: Workshop
    templates: Mapping[str, Template]
    warm_up_templates: Mapping[str, Template]
    ways: Sequence[Relayed]

    def run(self, progress: Progress) -> Iterator[Sample]:
        """Yield the samples of each block as it ends."""
        generator = random.Random(self.scenario.workload.seed)  # noqa: S311 (an order, not a secret)
        blocks = self.scenario.workload.blocks
        for block in range(blocks):
            progress.step(f"timing: block {block + 1} of {blocks}")
            yield from self._block(block, generator)

    def _block(self, block: int, generator: random.Random) -> Iterator[Sample]:
        with ExitStack() as stack:
            turns = [
                self._turn(stack, arm, way, self.templates)
                for way in _shuffled(self.ways, generator)
                for arm in _shuffled(self.scenario.arms, generator)
            ]
            warm_ups = [self._turn(stack, arm, None, self.warm_up_templates) for arm in self.scenario.arms]
            self.workshop.checkpoint()
            workload = self.scenario.workload
            plan = TimingPlan(
                warm_ups=tuple(warm_ups),
                turns=tuple(turns),
                runs=workload.runs,
                step_s=workload.step.total_seconds(),
                api=self.scenario.api,
            )
            for benchmark in _run_pytest(plan):
                yield from self._samples(block, benchmark)

    def _turn(
        self, stack: ExitStack, arm: Arm, way: Relayed | None, templates: Mapping[str, Template]
    ) -> Turn:
        url = stack.enter_context(self.workshop.clone(templates[arm.name]))
        through = way.url.set(database=url.database) if way else url
        return Turn(
            arm=arm.name,
            pipeline=arm.pipeline,
            url=through.render_as_string(hide_password=False),
            rtt_ms=way.asked_ms if way else 0.0,
        )

    def _samples(self, block: int, benchmark: "TimedTurn") -> Iterator[Sample]:
        runs = self.scenario.workload.runs
        for stage, seconds in (("run", benchmark.seconds), *benchmark.stages):
            yield Sample(
                arm=benchmark.arm,
                block=block,
                stage=stage,
                metric="time",
                unit="s",
                value=seconds / runs,
                rtt_ms=benchmark.rtt_ms,
                companies=self.scenario.dataset.companies,
            )


@dataclass(frozen=True, slots=True)
class TimedTurn:
    """One benchmark of pytest-benchmark's JSON: the whole workload, and its stages."""

    arm: str
    rtt_ms: float
    seconds: float
    stages: tuple[tuple[str, float], ...]


def _run_pytest(plan: TimingPlan) -> tuple[TimedTurn, ...]:
    with tempfile.TemporaryDirectory(prefix="claimbench-timing-") as folder:
        plan_file, report = Path(folder, "plan.json"), Path(folder, "benchmark.json")
        plan.write(plan_file)
        process = subprocess.run(
            _command(report),
            env={**os.environ, PLAN_VARIABLE: str(plan_file), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode != 0 or not report.exists():
            raise InvalidMeasurementError(
                f"the benchmark process ended with {process.returncode}: {_last_line(process.stdout)}",
                where="timing pass",
                remedy="call the arm's stages once by hand to see its error",
            )
        return tuple(_timed_turn(entry) for entry in json.loads(report.read_text())["benchmarks"])


def _command(report: Path) -> Sequence[str]:
    module = Path(__file__).with_name("timed_turns.py")  # not imported here: that would import pytest
    return (
        *(sys.executable, "-m", "pytest", str(module), "--rootdir", str(report.parent), "-c", os.devnull),
        *("-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin", "--import-mode=importlib", "-q"),
        f"--benchmark-json={report}",
    )


def _timed_turn(entry: dict[str, object]) -> TimedTurn:
    stats, extra = entry["stats"], entry["extra_info"]
    if not isinstance(stats, dict) or not isinstance(extra, dict):
        raise TypeError("pytest-benchmark's JSON has another shape than 5.x wrote")
    (seconds,) = stats["data"]
    return TimedTurn(
        arm=extra["arm"],
        rtt_ms=extra["rtt_ms"],
        seconds=seconds,
        stages=tuple((stage.value, extra["stages"][stage.value]) for stage in Stage),
    )


def _shuffled(items: Sequence[Item], generator: random.Random) -> list[Item]:
    return generator.sample(list(items), k=len(items))


def _last_line(output: str) -> str:
    errors = [line for line in output.splitlines() if line.startswith("E  ")]
    lines = errors or output.strip().splitlines() or ["no output"]
    return lines[0].removeprefix("E").strip()[:200]
