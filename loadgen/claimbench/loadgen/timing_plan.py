"""What one block of the timing pass is to run: the message from the runner to its pytest process."""

import os
import socket
from functools import cache

from pydantic import BaseModel, ConfigDict

from claimbench.scenarios.model import Api

PLAN_VARIABLE = "CLAIMBENCH_TIMING_PLAN"
"""Names the descriptor of the socket on which the plan comes: its URLs hold passwords, so no file has it."""

READY = b"."
"""What a process sends that has imported everything."""


class Turn(BaseModel):
    """One arm once: on which database (the URL holds a password), at which round-trip time."""

    model_config = ConfigDict(frozen=True)

    arm: str
    pipeline: str
    url: str
    rtt_ms: float

    @property
    def label(self) -> str:
        """Its name in pytest's report."""
        return f"{self.arm}-{self.rtt_ms:g}ms"


class TimingPlan(BaseModel):
    """The turns of one block in the order to run them, after the warm-ups."""

    model_config = ConfigDict(frozen=True)

    warm_ups: tuple[Turn, ...]
    turns: tuple[Turn, ...]
    runs: int
    step_s: float
    api: Api


@cache
def awaited_plan() -> TimingPlan:
    """The plan of this process; says that all is imported, and waits until its clones are made."""
    with socket.socket(fileno=int(os.environ[PLAN_VARIABLE])) as runner, runner.makefile() as plan:
        runner.sendall(READY)
        return TimingPlan.model_validate_json(plan.read())
