"""One contestant's turn in a process of its own: started by path, so that a base revision needs no such file.

It says `ready` after imports and a warm-up, waits for `go`, drives the workload once, and answers in JSON.
Everything but this file comes from the revision that is being measured.
"""

import gc
import json
import os
import sys
import time
from datetime import timedelta

from sqlalchemy import make_url

from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.loadgen.stand import open_stand
from claimbench.loadgen.workload import drive
from claimbench.scenarios.model import Api


def main() -> None:
    """Read the plan from standard input, since its URLs hold passwords."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the arm prints is no answer
    plan = json.loads(sys.stdin.readline())
    api, step = Api.model_validate(plan["api"]), timedelta(seconds=plan["step_s"])
    with open_stand(plan["pipeline"], make_url(plan["warm_up_url"]), api) as stand:
        drive(stand.pipeline, stand.clock, plan["runs"], step, lambda _: None)
    with open_stand(plan["pipeline"], make_url(plan["url"]), api) as stand:
        gc.collect()
        memory = MemoryProbe()
        answers.write("ready\n")
        answers.flush()
        sys.stdin.readline()
        started = time.perf_counter()
        drive(stand.pipeline, stand.clock, plan["runs"], step, lambda _: None)
        seconds = time.perf_counter() - started
        (peak,) = memory.lap()
    answers.write(json.dumps({"seconds": seconds, "peak_memory_bytes": peak.value}) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
