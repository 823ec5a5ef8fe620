"""The memory pass: each arm in a fresh, warmed process of its own; the peak growth of its resident set."""

import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.clock import EPOCH
from claimbench.loadgen.databases import Template, Workshop
from claimbench.loadgen.fake_openai.server import FakeServer, running_server
from claimbench.loadgen.memory_turn import MemoryPlan, MemoryReading
from claimbench.loadgen.progress import Progress
from claimbench.reports.record import Sample
from claimbench.scenarios.model import Arm, Scenario


@dataclass(frozen=True, slots=True)
class MemoryPass:
    """What the pass needs: each arm's template and a tiny one to warm its process with."""

    scenario: Scenario
    workshop: Workshop
    templates: Mapping[str, Template]
    warm_up_templates: Mapping[str, Template]

    def run(self, progress: Progress) -> Iterator[Sample]:
        """Yield one sample for each arm and block, arms in random order within a block."""
        generator = random.Random(self.scenario.workload.seed)  # noqa: S311 (an order, not a secret)
        blocks = self.scenario.workload.memory_blocks
        api = self.scenario.api
        with running_server(seed=api.seed, failed_line_rate=api.failed_line_rate, clock="manual") as server:
            for block in range(blocks):
                progress.step(f"memory: block {block + 1} of {blocks}")
                for arm in generator.sample(list(self.scenario.arms), k=len(self.scenario.arms)):
                    yield self._sample(arm, block, server)

    def _sample(self, arm: Arm, block: int, server: FakeServer) -> Sample:
        with (
            self.workshop.clone(self.templates[arm.name]) as url,
            self.workshop.clone(self.warm_up_templates[arm.name]) as warm_up_url,
        ):
            server.reset()
            plan = MemoryPlan(
                pipeline=arm.pipeline,
                url=url.render_as_string(hide_password=False),
                warm_up_url=warm_up_url.render_as_string(hide_password=False),
                api_url=server.base_url,
                clock_url=server.clock_url,
                epoch=EPOCH,
                runs=self.scenario.workload.runs,
                step_s=self.scenario.workload.step.total_seconds(),
            )
            reading = _run(plan)
        return Sample(
            arm=arm.name,
            block=block,
            stage="run",
            metric="peak_memory",
            unit="B",
            value=reading.peak_memory_bytes,
            rtt_ms=0.0,
            companies=self.scenario.dataset.companies,
        )


def _run(plan: MemoryPlan) -> MemoryReading:
    process = subprocess.run(
        (sys.executable, "-m", "claimbench.loadgen.memory_turn"),
        input=plan.model_dump_json(),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        last = (process.stderr.strip().splitlines() or ["no output"])[-1]
        raise InvalidMeasurementError(
            f"the measured process ended with {process.returncode}: {last[:200]}",
            where="memory pass",
            remedy="run the arm once with the equivalence pass alone to see its error",
        )
    return MemoryReading.model_validate_json(process.stdout)
