"""One arm once, in this fresh process, for its peak of memory: started by `claimbench.loadgen.memory`.

The fake API runs in another process, so that its memory is not the arm's. The first drive, on a small
database, warms the process: imports, mappers and connection are not what we measure.
"""

import sys
from datetime import timedelta

from claimbench.loadgen.fake_openai.server import FakeServer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import make_url

from claimbench.loadgen.clock import SimulatedClock
from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.loadgen.seeding import EPOCH
from claimbench.loadgen.stand import open_pipeline
from claimbench.loadgen.workload import StageDone, drive


class MemoryPlan(BaseModel):
    """The message from the runner, on standard input since the URLs hold passwords."""

    model_config = ConfigDict(frozen=True)

    pipeline: str
    url: str
    warm_up_url: str
    api_url: str
    runs: int
    step_s: float


class MemoryReading(BaseModel):
    """The answer, on standard output: peak growth of the resident set, in bytes."""

    model_config = ConfigDict(frozen=True)

    peak_memory_bytes: int


def main() -> None:
    """Read the plan, warm up, measure, answer."""
    plan = MemoryPlan.model_validate_json(sys.stdin.read())
    _drive(plan, plan.warm_up_url)
    probe = MemoryProbe()
    _drive(plan, plan.url)
    (reading,) = probe.lap()
    sys.stdout.write(MemoryReading(peak_memory_bytes=int(reading.value)).model_dump_json())


def _drive(plan: MemoryPlan, url: str) -> None:
    clock, server = SimulatedClock(EPOCH), FakeServer(plan.api_url)
    server.set_clock(clock.timestamp())

    def keep_time(_: StageDone) -> None:
        server.set_clock(clock.timestamp())

    with open_pipeline(plan.pipeline, make_url(url), plan.api_url) as built:
        drive(built.pipeline, clock, plan.runs, timedelta(seconds=plan.step_s), keep_time)


if __name__ == "__main__":
    main()
