"""One contestant's process in a block: started by path, so that a base revision needs no such file.

It says `ready` after imports and a warm-up. Then it hears a URL for each round, drives the workload there
once on fresh connections, and answers in JSON. Everything but this file is of the revision that is measured.
"""

import gc
import json
import os
import sys
import time
from datetime import timedelta

from sqlalchemy import make_url

from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.loadgen.workloads.batch_pipeline.session import open_stand
from claimbench.loadgen.workloads.batch_pipeline.timetable import drive
from claimbench.scenarios.model import Api


def main() -> None:
    """Read plan and URLs from standard input, since the URLs hold passwords; end when it closes."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the arm prints is no answer
    plan = json.loads(sys.stdin.readline())
    api, step = Api.model_validate(plan["api"]), timedelta(seconds=plan["step_s"])
    with open_stand(plan["pipeline"], make_url(plan["warm_up_url"]), api) as stand:
        drive(stand.pipeline, stand.clock, plan["runs"], step, lambda _: None)
    gc.collect()
    gc.freeze()  # what is there by now is no round's
    answers.write("ready\n")
    while url := sys.stdin.readline().strip():
        with open_stand(plan["pipeline"], make_url(url), api) as stand:
            gc.collect()
            memory = MemoryProbe()
            started = time.perf_counter()
            drive(stand.pipeline, stand.clock, plan["runs"], step, lambda _: None)
            seconds = time.perf_counter() - started
            (peak,) = memory.lap()
        answers.write(json.dumps({"seconds": seconds, "peak_memory_bytes": peak.value}) + "\n")


if __name__ == "__main__":
    main()
