"""What a measured process is told, and what it answers: a line each way, since the URLs hold passwords."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from claimbench.scenarios.model import Arm, Scenario, scenario_model


class ProcessMessage(BaseModel):
    """A value that goes from process to process."""

    model_config = ConfigDict(frozen=True)


class Turn(ProcessMessage):
    """One arm once: on which database (the URL holds a password), beside which service, at which RTT."""

    arm: Arm
    url: str
    service: str
    rtt_ms: float = 0.0

    @property
    def label(self) -> str:
        """Its name in pytest's report."""
        return f"{self.arm.name}-{self.rtt_ms:g}ms"


class TimeReading(ProcessMessage):
    """What a turn took: the seconds of all its runs, and of their steps; and the digest of its work."""

    arm: str
    rtt_ms: float
    seconds: float
    steps: dict[str, float]
    work: str


class MemoryReading(ProcessMessage):
    """What a turn needed at its peak, beyond what its warmed process had; and the digest of its work."""

    arm: str
    peak_memory_bytes: int
    work: str


class TimingOrder(ProcessMessage):
    """A block of the timing pass: its turns in the order to take them, after the warm-ups.

    folder: empty, ours, for pytest to work in.
    """

    kind: Literal["timing"] = "timing"
    warm_ups: tuple[Turn, ...]
    turns: tuple[Turn, ...]
    folder: str


class MemoryOrder(ProcessMessage):
    """One arm in a block of the memory pass, after its warm-up."""

    kind: Literal["memory"] = "memory"
    warm_up: Turn
    turn: Turn


class TimeReadings(ProcessMessage):
    """The answer to a timing order: its turns in their order."""

    turns: tuple[TimeReading, ...]


Order = Annotated[TimingOrder | MemoryOrder, Field(discriminator="kind")]


class TurnOrders(ProcessMessage):
    """Carried out at the same time, a fork for each; answered in this order."""

    orders: tuple[Order, ...]


def assignment(scenario: Scenario) -> str:
    """The first line that a measured process hears: the scenario, without what judges it."""
    told = scenario.model_copy(update={"claims": (), "thresholds": (), "load": None})
    return told.model_dump_json(by_alias=True)


def read_assignment(line: str) -> Scenario:
    """The scenario of an assignment's line."""
    kind = json.loads(line)["workload"]["kind"]
    return scenario_model(kind).model_validate_json(line)
