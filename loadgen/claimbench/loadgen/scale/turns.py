"""A turn: an arm once, a whole run, on a fresh database in a fresh process; and what that answers."""

import sys
from types import TracebackType
from typing import Literal, Self

from claimbench.loadgen.processes.line_process import LineProcess
from claimbench.loadgen.processes.messages import ProcessMessage
from claimbench.reports.record.scale import StepReading

START = """
from claimbench.loadgen.processes.bytecode import notice_compiling
notice_compiling()
from claimbench.loadgen.processes.importing import imported_for_good
with imported_for_good():
    from claimbench.loadgen.scale.measured import main
main()
"""


class ScaleTurn(ProcessMessage):
    """What to do. The URLs hold passwords.

    strategies: the values that differ from all strategies, by field, for the optimized pipeline. service: the
    fake API outside; empty for one that costs nothing. instrument: what looks on, which costs time.
    """

    pipeline: str
    strategies: dict[str, str]
    url: str
    warm_up_url: str
    service: str
    failed_line_rate: float
    instrument: Literal["none", "wire", "waits"] = "none"


class ScaleReading(ProcessMessage):
    """What came of it: each step, the peak of memory above the start, and what was left and sent."""

    steps: tuple[StepReading, ...]
    peak_memory_bytes: int
    left: str
    sent: str


class TurnFailed(ProcessMessage):
    """Why there is no reading."""

    reason: str


class Turns:
    """The process whose forks take the turns, made anew when it has ended; a context manager."""

    def __init__(self) -> None:
        self._process: LineProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def take(self, turn: ScaleTurn, within_s: float) -> ScaleReading | TurnFailed:
        """Take it; one that fails, or needs longer than this, leaves the others."""
        process = self._process = self._process or LineProcess((sys.executable, "-c", START))
        process.say(turn.model_dump_json())
        answer = process.hear_within(within_s)
        if answer:
            return ScaleReading.model_validate_json(answer)
        reason = f"it took longer than {within_s:.0f} s" if answer is None else process.last_words()
        self._end()
        return TurnFailed(reason=reason)

    def _end(self) -> None:
        if self._process is not None:
            self._process.__exit__()
            self._process = None
