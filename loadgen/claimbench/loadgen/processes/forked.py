"""A piece of work in a fork of this process, whose answer comes back as JSON."""

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from claimbench.loadgen.processes.messages import ProcessMessage


@dataclass(frozen=True, slots=True)
class Fork:
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


def forked(work: Callable[[], ProcessMessage]) -> Fork:
    """Begin the work in a fork."""
    ours, theirs = os.pipe()
    process_id = os.fork()
    if process_id:
        os.close(theirs)
        return Fork(process_id, ours)
    os.close(ours)
    status = 1
    try:
        with os.fdopen(theirs, "w") as pipe:
            pipe.write(work().model_dump_json())
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
