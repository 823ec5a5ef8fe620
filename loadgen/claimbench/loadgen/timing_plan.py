"""What one block of the timing pass is to run: the message from the runner to its pytest process."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from claimbench.scenarios.model import Api

PLAN_VARIABLE = "CLAIMBENCH_TIMING_PLAN"


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

    def write(self, path: Path) -> None:
        """Write it for this user's eyes only."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.model_dump_json())


def plan_from_environment() -> TimingPlan:
    """The plan that the runner left for this process."""
    return TimingPlan.model_validate_json(Path(os.environ[PLAN_VARIABLE]).read_text())
