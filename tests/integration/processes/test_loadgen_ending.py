"""A signal ends the run, even if what it raised was caught on its way."""

import subprocess
import sys

import pytest

PROGRAM = """
import logging, os, signal, sys
from datetime import datetime
from claimbench.impl.ports import ByStage
from claimbench.impl.ports import Stage, StageReport
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import take
from claimbench.loadgen.processes.ending import unwound_when_told

signal.signal(signal.SIGINT, signal.default_int_handler)

class Swallowing(ByStage):
    def take(self, stage, now):
        try:
            os.kill(os.getpid(), signal.{name})
        except BaseException:
            logging.getLogger("pool").error("an exception during reset")
            {then}
        return StageReport(stage)

    def stats(self, company_id=None):
        raise NotImplementedError

with unwound_when_told():
    {work}
    print("went on")
"""


@pytest.mark.parametrize(
    "work",
    ["take(Swallowing(), Stage.CREATE_BATCHES, datetime.now())", "Swallowing().run(datetime.now())"],
    ids=["in a stage that we take", "elsewhere"],
)
@pytest.mark.parametrize("then", ["pass", "raise ValueError('busy')"], ids=["forgets", "raises another"])
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", -2)])
def test_a_signal_that_was_caught_on_its_way_ends_the_run(name: str, code: int, then: str, work: str) -> None:
    program = PROGRAM.format(name=name, then=then, work=work)

    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert ended.returncode == code
    assert "exception during reset" not in ended.stderr
    assert ("went on" in ended.stdout) is (then == "pass" and work.startswith("Swallowing"))
