"""Fresh processes that have imported everything: forks of one that does nothing else."""

import sys
from collections.abc import Sequence

from claimbench.errors import ArmError, InvalidMeasurementError
from claimbench.loadgen.processes.line_process import LineProcess
from claimbench.loadgen.processes.messages import (
    MemoryOrder,
    MemoryReading,
    TimeReading,
    TimeReadings,
    TimingOrder,
    TurnOrders,
    assignment,
)
from claimbench.scenarios.model import Scenario

START = """
from claimbench.loadgen.processes.bytecode import notice_compiling
notice_compiling()
from claimbench.loadgen.processes.importing import imported_for_good
with imported_for_good():
    from claimbench.loadgen.processes.fork_server import main
main()
"""


class Forks(LineProcess):
    """The fork server, started at once; a context manager, at whose end it and its forks are gone.

    What it is told before it has imported everything waits. `InvalidMeasurementError` (exit 3) when an arm
    ended with an error.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__((sys.executable, "-c", START))
        self.say(assignment(scenario))

    def time(self, order: TimingOrder) -> tuple[TimeReading, ...]:
        """A block of the timing pass in a fork of its own, with nothing beside it."""
        self.say(TurnOrders(orders=(order,)).model_dump_json())
        return TimeReadings.model_validate_json(self._answer("timing pass")).turns

    def remember(self, orders: Sequence[MemoryOrder]) -> tuple[MemoryReading, ...]:
        """The orders side by side, a fork for each."""
        self.say(TurnOrders(orders=tuple(orders)).model_dump_json())
        return tuple(MemoryReading.model_validate_json(self._answer("memory pass")) for _ in orders)

    def _answer(self, where: str) -> str:
        if answer := self.hear():
            return answer
        words = self.last_words().removeprefix(f"{ArmError.__module__}.{ArmError.__qualname__}: ")
        raise InvalidMeasurementError(
            f"the measured process ended with an error: {words}",
            where=where,
            remedy="call the arm's stages once by hand to see its error",
        )
