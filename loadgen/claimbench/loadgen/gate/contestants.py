"""Who is measured side by side, and the process that each turn of theirs is."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.gate import turn
from claimbench.loadgen.line_process import LineProcess
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
class Urls:
    """Where a turn works, and where it warms up."""

    work: URL
    warm_up: URL


@dataclass(frozen=True, slots=True)
class Took:
    """What a turn needed for one scheduler run, and at its peak."""

    seconds: float
    peak_memory_bytes: float


class TurnProcess(LineProcess):
    """A turn that is getting ready; a context manager, at whose end the process is gone."""

    def __init__(self, contestant: Contestant, scenario: Scenario, urls: Urls) -> None:
        self._contestant, self._runs = contestant, scenario.workload.runs
        super().__init__(
            (contestant.python, "-P", turn.__file__),
            folder=contestant.folder,
            environment=contestant.environment(),
        )
        plan = {
            "pipeline": contestant.pipeline,
            "url": urls.work.render_as_string(hide_password=False),
            "warm_up_url": urls.warm_up.render_as_string(hide_password=False),
            "api": scenario.api.model_dump(),
            "runs": scenario.workload.runs,
            "step_s": scenario.workload.step.total_seconds(),
        }
        self.say(json.dumps(plan))

    def await_ready(self) -> None:
        """Wait for the end of imports and warm-up."""
        if self.hear() != "ready":
            raise self._failed()

    def go(self) -> Took:
        """Drive the workload now, alone; `InvalidMeasurementError` (exit 3) if it ended with an error."""
        self.say("go")
        try:
            found = json.loads(self.hear())
        except ValueError:
            raise self._failed() from None
        return Took(found["seconds"] / self._runs, found["peak_memory_bytes"])

    def _failed(self) -> InvalidMeasurementError:
        return InvalidMeasurementError(
            f"{self._contestant.pipeline!r} ended with an error: {self.last_words()}",
            where=f"{self._contestant.name} revision",
            remedy="mend the pipeline, or name a revision that can run this scenario",
        )
