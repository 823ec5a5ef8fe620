"""Who is measured side by side, and the process that each turn of theirs is."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.gate import turn
from claimbench.loadgen.processes import bytecode
from claimbench.loadgen.processes.line_process import LineProcess
from claimbench.loadgen.processes.messages import MemoryReading, ProcessMessage, TimeReading, Turn, assignment
from claimbench.scenarios.model import Arm, ArmRole, Scenario

START = """
import runpy, sys
bytecode = runpy.run_path(sys.argv[1])
bytecode["notice_compiling"]()
runpy.run_path(sys.argv[2])["main"](bytecode["end_if_compiled"])
"""

Answered = TypeVar("Answered", bound=ProcessMessage)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A pipeline as one revision has it: the interpreter, the folder and the import path that hold it."""

    name: str
    pipeline: str
    indexes: str = "after"
    python: str = sys.executable
    folder: Path = field(default_factory=Path.cwd)
    path: tuple[Path, ...] = ()

    def arm(self) -> Arm:
        """As the workload knows it."""
        return Arm.model_validate(
            {
                "name": self.name,
                "pipeline": self.pipeline,
                "role": ArmRole.CANDIDATE,
                "indexes": self.indexes,
            }
        )

    def environment(self) -> dict[str, str]:
        """The process's environment: its own import path first."""
        inherited = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") and not self.path else []
        path = [*(str(root) for root in self.path), str(self.folder), *inherited]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


class TurnProcess(LineProcess):
    """A contestant's process in one block; a context manager, at whose end it is gone."""

    def __init__(self, contestant: Contestant, scenario: Scenario) -> None:
        self._contestant, self._scenario = contestant, scenario
        super().__init__(
            (contestant.python, "-P", "-c", START, bytecode.__file__, turn.__file__),
            folder=contestant.folder,
            environment=contestant.environment(),
        )

    def warm_up(self, url: URL, service: str) -> None:
        """Tell it what to drive, and where to do so once unmeasured; it begins when its imports are done."""
        self.say(assignment(self._scenario))
        self.say(self._turn(url, service).model_dump_json())

    def await_ready(self) -> None:
        """Wait for the end of imports and warm-up."""
        if self.hear() != "ready":
            raise self._failed()

    def remember(self, url: URL, service: str) -> MemoryReading:
        """The first turn, for its memory; `InvalidMeasurementError` (exit 3) if that failed."""
        return self._answered(MemoryReading, url, service)

    def time(self, url: URL, service: str) -> TimeReading:
        """Take a timed turn there now, alone; `InvalidMeasurementError` (exit 3) if that failed."""
        return self._answered(TimeReading, url, service)

    def _answered(self, kind: type[Answered], url: URL, service: str) -> Answered:
        self.say(self._turn(url, service).model_dump_json())
        try:
            return kind.model_validate_json(self.hear())
        except ValueError:
            raise self._failed() from None

    def _turn(self, url: URL, service: str) -> Turn:
        text = url.render_as_string(hide_password=False)
        return Turn(arm=self._contestant.arm(), url=text, service=service)

    def _failed(self) -> InvalidMeasurementError:
        words, remedy = self.last_words(), "mend the pipeline, or name a revision that can run this scenario"
        if "No module named" in words:
            remedy = "let that revision declare claimbench[all], or say --base-environment shared"
        return InvalidMeasurementError(
            f"{self._contestant.pipeline!r} ended with an error: {words}",
            where=f"{self._contestant.name} revision",
            remedy=remedy,
        )
