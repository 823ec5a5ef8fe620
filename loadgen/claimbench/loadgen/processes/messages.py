"""What a fork is told to measure, and what it answers: a line each way, since the URLs hold passwords."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from claimbench.scenarios.model import Api


class Message(BaseModel):
    """A value that goes from process to process."""

    model_config = ConfigDict(frozen=True)


class Turn(Message):
    """One arm once: on which database (the URL holds a password), at which round-trip time."""

    arm: str
    pipeline: str
    url: str
    rtt_ms: float

    @property
    def label(self) -> str:
        """Its name in pytest's report."""
        return f"{self.arm}-{self.rtt_ms:g}ms"


class TimingOrder(Message):
    """A block of the timing pass: its turns in the order to run them, after the warm-ups.

    folder: empty, ours, for pytest to work in.
    """

    kind: Literal["timing"] = "timing"
    warm_ups: tuple[Turn, ...]
    turns: tuple[Turn, ...]
    runs: int
    step_s: float
    api: Api
    folder: str


class TimedTurn(Message):
    """One benchmark of pytest-benchmark: the whole workload in seconds, and its stages."""

    arm: str
    rtt_ms: float
    seconds: float
    stages: dict[str, float]


class TimedBlock(Message):
    """The answer to a timing order: its turns in their order."""

    turns: tuple[TimedTurn, ...]


class MemoryOrder(Message):
    """One arm in a block of the memory pass, against a fake API in another process."""

    kind: Literal["memory"] = "memory"
    pipeline: str
    url: str
    warm_up_url: str
    api_url: str
    reset_url: str
    clock_url: str
    epoch: datetime
    runs: int
    step_s: float


class MemoryReading(Message):
    """The answer to a memory order: peak growth of the resident set, in bytes."""

    peak_memory_bytes: int


Order = Annotated[TimingOrder | MemoryOrder, Field(discriminator="kind")]


class Orders(Message):
    """Carried out at the same time, a fork for each; answered in this order."""

    orders: tuple[Order, ...]
