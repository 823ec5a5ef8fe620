"""Two thousand histories on each of our pipelines, with a line of progress every hundred."""

import os
import sys

import pytest

from claimbench.loadgen.commands.verify import chosen_kinds, report_of
from claimbench.loadgen.verify.verification import open_laboratory, verify
from claimbench.loadgen.verify.workers import Assignment

HISTORIES = int(os.environ.get("CLAIMBENCH_CHAOS_HISTORIES", "2000"))


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@pytest.mark.chaos
@pytest.mark.parametrize("pipeline", ["naive", "optimized", "integrated"])
def test_two_thousand_histories_violate_no_invariant(pipeline: str) -> None:
    assignment = Assignment(pipeline, chosen_kinds("all"), tuple(range(1_001, 1_001 + HISTORIES)))
    with open_laboratory("embedded", os.cpu_count() or 1, tell) as laboratory:
        finding = verify(assignment, laboratory, tell)

    assert finding is None, report_of(pipeline, "all", finding)
