"""One arm once in a fresh process, for its peak of memory: started by `claimbench.loadgen.memory`.

This process imports and does nothing else; each plan on standard input gets a fork of it, one after the
other. The fake API runs in another process, so that its memory is not the arm's. The first drive, on a
small database, warms the fork: mappers and connection are not what we measure.
"""

import gc
import os
import sys
from datetime import datetime, timedelta

import httpx
from pydantic import BaseModel, ConfigDict
from sqlalchemy import make_url

from claimbench.loadgen.building import import_all, open_pipeline
from claimbench.loadgen.clock import SimulatedClock
from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.loadgen.workload import drive, unobserved


class MemoryPlan(BaseModel):
    """The message from the runner, a line on standard input since the URLs hold passwords."""

    model_config = ConfigDict(frozen=True)

    pipeline: str
    url: str
    warm_up_url: str
    api_url: str
    reset_url: str
    clock_url: str
    epoch: datetime
    runs: int
    step_s: float


class MemoryReading(BaseModel):
    """The answer, a line on standard output: peak growth of the resident set, in bytes."""

    model_config = ConfigDict(frozen=True)

    peak_memory_bytes: int


def main() -> None:
    """Measure every plan that comes; end at the first that cannot be measured."""
    import_all()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the arm prints is no answer
    for line in sys.stdin:
        fork = os.fork()
        if fork == 0:
            reading = _measure(MemoryPlan.model_validate_json(line))
            answers.write(reading.model_dump_json() + "\n")
            answers.flush()
            gc.freeze()  # all that was imported is the parent's to look through
            return
        _, status = os.waitpid(fork, 0)
        if status:
            sys.exit(os.waitstatus_to_exitcode(status))


def _measure(plan: MemoryPlan) -> MemoryReading:
    """Warm up, and measure."""
    with httpx.Client() as client:
        client.post(plan.reset_url).raise_for_status()  # the API has forgotten the blocks before
        _drive(plan, plan.warm_up_url, client)
        probe = MemoryProbe()
        _drive(plan, plan.url, client)
        (reading,) = probe.lap()
    return MemoryReading(peak_memory_bytes=int(reading.value))


class SharedClock(SimulatedClock):
    """Simulated time that the fake API's process is told of."""

    def __init__(self, plan: MemoryPlan, client: httpx.Client) -> None:
        super().__init__(plan.epoch)
        self._url, self._client = plan.clock_url, client
        self._tell()

    def advance(self, step: timedelta) -> None:
        """Let time pass, here and there."""
        super().advance(step)
        self._tell()

    def _tell(self) -> None:
        self._client.post(self._url, json={"now": self.timestamp()}).raise_for_status()


def _drive(plan: MemoryPlan, url: str, client: httpx.Client) -> None:
    clock = SharedClock(plan, client)
    with open_pipeline(plan.pipeline, make_url(url), plan.api_url) as built:
        drive(built.pipeline, clock, plan.runs, timedelta(seconds=plan.step_s), unobserved)


if __name__ == "__main__":
    main()
