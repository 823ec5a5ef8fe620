"""One contestant's process in a block: started by path, so that a base revision needs no such file.

It hears the scenario and the turn to warm up with, and says `ready` after imports and warm-up. Then it hears
a turn to take for its memory, while nothing was freed yet that could hide growth, and a turn for each timed
round, and answers each in JSON. Everything but this file and `bytecode.py` is of the measured revision.
"""

import gc
import os
import sys
from collections.abc import Callable

from claimbench.loadgen.passes.turn import remember_turn, time_turn, warm_up
from claimbench.loadgen.processes.messages import Turn, read_assignment
from claimbench.loadgen.workloads.registry import workload_of


def main(imported: Callable[[], None]) -> None:
    """Read scenario and turns from standard input, since the URLs hold passwords; end when it closes.

    imported: called once all is imported.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the arm prints is no answer
    scenario = read_assignment(sys.stdin.readline())
    workload, runs = workload_of(scenario), scenario.workload.runs
    imported()
    warm_up(workload, Turn.model_validate_json(sys.stdin.readline()), runs)
    answers.write("ready\n")
    first = Turn.model_validate_json(sys.stdin.readline())
    answers.write(remember_turn(workload, first, runs).model_dump_json() + "\n")
    gc.collect()
    gc.freeze()  # what is there by now is no round's
    while line := sys.stdin.readline().strip():
        answers.write(time_turn(workload, Turn.model_validate_json(line), runs).model_dump_json() + "\n")
