"""The process whose forks are measured: started by `claimbench.loadgen.processes.forks`.

It imports everything once and does nothing else, so each fork begins as new, with all of it loaded. A line on
standard input is `Orders`; each of them gets a fork and an answer in JSON. It ends at the first that fails.
"""

import os
import sys
import traceback
from dataclasses import dataclass

from claimbench.loadgen.passes.memory_fork import measured_memory
from claimbench.loadgen.passes.timing_fork import timed_block
from claimbench.loadgen.processes.importing import imported_for_good
from claimbench.loadgen.processes.messages import MemoryOrder, Message, Orders, TimingOrder
from claimbench.loadgen.workloads.batch_pipeline.building import import_all


def main() -> None:
    """Carry out all orders that come."""
    with imported_for_good():
        import_all()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an arm prints is no answer
    for line in sys.stdin:
        for fork in [_forked(order) for order in Orders.model_validate_json(line).orders]:
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


def _forked(order: TimingOrder | MemoryOrder) -> _Fork:
    ours, theirs = os.pipe()
    process_id = os.fork()
    if process_id:
        os.close(theirs)
        return _Fork(process_id, ours)
    os.close(ours)
    status = 1
    try:
        with os.fdopen(theirs, "w") as pipe:
            pipe.write(_carried_out(order).model_dump_json())
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _carried_out(order: TimingOrder | MemoryOrder) -> Message:
    return timed_block(order) if isinstance(order, TimingOrder) else measured_memory(order)
