"""One arm once in a fresh fork, for its peak of memory.

The fake API runs in another process, so that its memory is not the arm's. The first drive, on a small
database, warms the fork: mappers and connection are not what we measure.
"""

from datetime import timedelta

import httpx
from sqlalchemy import make_url

from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.loadgen.processes.messages import MemoryOrder, MemoryReading
from claimbench.loadgen.workloads.batch_pipeline.building import open_pipeline
from claimbench.loadgen.workloads.batch_pipeline.clock import SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.timetable import drive, unobserved


def measured_memory(order: MemoryOrder) -> MemoryReading:
    """Warm up, and measure."""
    with httpx.Client() as client:
        client.post(order.reset_url).raise_for_status()  # the API has forgotten the blocks before
        _drive(order, order.warm_up_url, client)
        probe = MemoryProbe()
        _drive(order, order.url, client)
        (reading,) = probe.lap()
    return MemoryReading(peak_memory_bytes=int(reading.value))


class SharedClock(SimulatedClock):
    """Simulated time that the fake API's process is told of."""

    def __init__(self, order: MemoryOrder, client: httpx.Client) -> None:
        super().__init__(order.epoch)
        self._url, self._client = order.clock_url, client
        self._tell()

    def advance(self, step: timedelta) -> None:
        """Let time pass, here and there."""
        super().advance(step)
        self._tell()

    def _tell(self) -> None:
        self._client.post(self._url, json={"now": self.timestamp()}).raise_for_status()


def _drive(order: MemoryOrder, url: str, client: httpx.Client) -> None:
    clock = SharedClock(order, client)
    with open_pipeline(order.pipeline, make_url(url), order.api_url) as built:
        drive(built.pipeline, clock, order.runs, timedelta(seconds=order.step_s), unobserved)
