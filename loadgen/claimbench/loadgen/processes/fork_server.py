"""The process whose forks are measured: started by `claimbench.loadgen.processes.forks`.

It imports everything once and does nothing else, so each fork begins as new, with all of it loaded. The first
line on standard input is the scenario; each further one is `TurnOrders`, of which each gets a fork and an
answer in JSON. It ends at the first that fails.
"""

import os
import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from claimbench.loadgen.passes.turn import remember_turn, warm_up
from claimbench.loadgen.processes.bytecode import end_if_compiled
from claimbench.loadgen.processes.forked import forked
from claimbench.loadgen.processes.importing import imported_for_good
from claimbench.loadgen.processes.messages import (
    MemoryOrder,
    ProcessMessage,
    TimingOrder,
    TurnOrders,
    read_assignment,
)
from claimbench.loadgen.workloads.port import Workload
from claimbench.loadgen.workloads.registry import workload_of

if find_spec("pytest_benchmark"):
    from claimbench.loadgen.passes.timing_fork import timed_block
else:  # an installation without extras
    from claimbench.loadgen.passes.turn import timed_block


def main() -> None:
    """Carry out all orders that come."""
    scenario = read_assignment(sys.stdin.readline())
    with imported_for_good():
        workload = workload_of(scenario)
    end_if_compiled()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an arm prints is no answer
    server = _ForkServer(workload, scenario.workload.runs)
    for line in sys.stdin:
        orders = TurnOrders.model_validate_json(line).orders
        for fork in [forked(partial(server.carried_out, order)) for order in orders]:
            answers.write(fork.answer() + "\n")
        answers.flush()


@dataclass(frozen=True, slots=True)
class _ForkServer:
    """What every fork of it carries out."""

    workload: Workload
    runs: int

    def carried_out(self, order: TimingOrder | MemoryOrder) -> ProcessMessage:
        """In a fork: what the order asks for."""
        if isinstance(order, TimingOrder):
            return timed_block(self.workload, order, self.runs)
        warm_up(self.workload, order.warm_up, self.runs)
        return remember_turn(self.workload, order.turn, self.runs)
