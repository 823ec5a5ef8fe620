"""The process whose forks are measured: started by `claimbench.loadgen.processes.forks`.

It imports everything once and does nothing else, so each fork begins as new, with all of it loaded. The first
line on standard input is the scenario; each further one is `TurnOrders`, of which each gets a fork and an
answer in JSON. It ends at the first that fails.
"""

import os
import sys
import traceback
from dataclasses import dataclass

from claimbench.loadgen.passes.timing_fork import timed_block
from claimbench.loadgen.passes.turn import remember_turn, warm_up
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


def main() -> None:
    """Carry out all orders that come."""
    scenario = read_assignment(sys.stdin.readline())
    with imported_for_good():
        workload = workload_of(scenario)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an arm prints is no answer
    server = _ForkServer(workload, scenario.workload.runs)
    for line in sys.stdin:
        for fork in [server.forked(order) for order in TurnOrders.model_validate_json(line).orders]:
            answers.write(fork.answer() + "\n")
        answers.flush()


@dataclass(frozen=True, slots=True)
class _Fork:
    """A fork of this process, and where its answer will be."""

    process_id: int
    pipe: int

    def answer(self) -> str:
        """Wait for it; end with it if it failed, for its last words are in our standard error."""
        with os.fdopen(self.pipe) as pipe:
            answer = pipe.read()
        _, status = os.waitpid(self.process_id, 0)
        if status:
            sys.exit(abs(os.waitstatus_to_exitcode(status)))
        return answer


@dataclass(frozen=True, slots=True)
class _ForkServer:
    """What every fork of it carries out."""

    workload: Workload
    runs: int

    def forked(self, order: TimingOrder | MemoryOrder) -> _Fork:
        ours, theirs = os.pipe()
        process_id = os.fork()
        if process_id:
            os.close(theirs)
            return _Fork(process_id, ours)
        os.close(ours)
        status = 1
        try:
            with os.fdopen(theirs, "w") as pipe:
                pipe.write(self._carried_out(order).model_dump_json())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _carried_out(self, order: TimingOrder | MemoryOrder) -> ProcessMessage:
        if isinstance(order, TimingOrder):
            return timed_block(self.workload, order, self.runs)
        warm_up(self.workload, order.warm_up, self.runs)
        return remember_turn(self.workload, order.turn, self.runs)
