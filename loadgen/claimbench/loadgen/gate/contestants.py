"""Who is measured side by side, and the process that each turn of theirs is."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.gate import turn
from claimbench.loadgen.processes.line_process import LineProcess
from claimbench.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class Contestant:
    """A pipeline as one revision has it: the interpreter, the folder and the import path that hold it."""

    name: str
    pipeline: str
    indexes: str = "after"
    python: str = sys.executable
    folder: Path = field(default_factory=Path.cwd)
    path: tuple[Path, ...] = ()

    def environment(self) -> dict[str, str]:
        """The process's environment: its own import path first."""
        inherited = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") and not self.path else []
        path = [*(str(root) for root in self.path), str(self.folder), *inherited]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@dataclass(frozen=True, slots=True)
class Took:
    """What a turn needed for one scheduler run, and at its peak."""

    seconds: float
    peak_memory_bytes: float


class TurnProcess(LineProcess):
    """A contestant's process in one block; a context manager, at whose end it is gone."""

    def __init__(self, contestant: Contestant, scenario: Scenario) -> None:
        self._contestant, self._scenario = contestant, scenario
        super().__init__(
            (contestant.python, "-P", turn.__file__),
            folder=contestant.folder,
            environment=contestant.environment(),
        )

    def warm_up(self, url: URL) -> None:
        """Tell it what to drive, and where to do so once unmeasured; it begins when its imports are done."""
        workload = self._scenario.workload
        plan = {
            "pipeline": self._contestant.pipeline,
            "warm_up_url": url.render_as_string(hide_password=False),
            "api": self._scenario.api.model_dump(),
            "runs": workload.runs,
            "step_s": workload.step.total_seconds(),
        }
        self.say(json.dumps(plan))

    def await_ready(self) -> None:
        """Wait for the end of imports and warm-up."""
        if self.hear() != "ready":
            raise self._failed()

    def go(self, url: URL) -> Took:
        """Drive the workload there now, alone; `InvalidMeasurementError` (exit 3) if that failed."""
        self.say(url.render_as_string(hide_password=False))
        try:
            found = json.loads(self.hear())
        except ValueError:
            raise self._failed() from None
        return Took(found["seconds"] / self._scenario.workload.runs, found["peak_memory_bytes"])

    def _failed(self) -> InvalidMeasurementError:
        return InvalidMeasurementError(
            f"{self._contestant.pipeline!r} ended with an error: {self.last_words()}",
            where=f"{self._contestant.name} revision",
            remedy="mend the pipeline, or name a revision that can run this scenario",
        )
