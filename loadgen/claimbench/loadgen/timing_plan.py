"""What one block of the timing pass is to run: the message from the runner to its pytest process."""

import os
from functools import cache

from pydantic import BaseModel, ConfigDict

from claimbench.scenarios.model import Api

PLAN_VARIABLE = "CLAIMBENCH_TIMING_PLAN"
"""Names the descriptor of the pipe on which the plan comes: its URLs hold passwords, so no file has it."""


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
    """The plan of this process; waits until the runner has made the clones that it names."""
    with os.fdopen(int(os.environ[PLAN_VARIABLE])) as pipe:
        return TimingPlan.model_validate_json(pipe.read())
