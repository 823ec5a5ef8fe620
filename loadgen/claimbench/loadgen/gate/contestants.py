"""Who is measured side by side, and the process that each turn of theirs is."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.gate import turn
from claimbench.scenarios.model import Scenario

TURN_TIMEOUT_S = 600


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


class TurnProcess:
    """A turn that is getting ready; a context manager, at whose end the process is gone."""

    def __init__(self, contestant: Contestant, scenario: Scenario, urls: Urls) -> None:
        self._contestant, self._runs = contestant, scenario.workload.runs
        self._process = subprocess.Popen(
            (contestant.python, "-P", turn.__file__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=contestant.folder,
            env=contestant.environment(),
        )
        plan = {
            "pipeline": contestant.pipeline,
            "url": urls.work.render_as_string(hide_password=False),
            "warm_up_url": urls.warm_up.render_as_string(hide_password=False),
            "api": scenario.api.model_dump(),
            "runs": scenario.workload.runs,
            "step_s": scenario.workload.step.total_seconds(),
        }
        self._say(json.dumps(plan))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def await_ready(self) -> None:
        """Wait for the end of imports and warm-up."""
        if self._hear() != "ready":
            raise self._failed()

    def go(self) -> Took:
        """Drive the workload now, alone; `InvalidMeasurementError` (exit 3) if it ended with an error."""
        self._say("go")
        try:
            found = json.loads(self._hear())
        except ValueError:
            raise self._failed() from None
        return Took(found["seconds"] / self._runs, found["peak_memory_bytes"])

    def _say(self, line: str) -> None:
        if self._process.stdin:
            try:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                raise self._failed() from None

    def _hear(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout else ""

    def _failed(self) -> InvalidMeasurementError:
        self._process.kill()
        errors = self._process.stderr.read() if self._process.stderr else ""
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        return InvalidMeasurementError(
            f"{self._contestant.pipeline!r} ended with an error: {last[:200]}",
            where=f"{self._contestant.name} revision",
            remedy="mend the pipeline, or name a revision that can run this scenario",
        )
