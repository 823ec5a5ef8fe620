"""Pipelines that say more than a pipe holds, need memory, or end with an error."""

import sys
from datetime import datetime

from claimbench.impl.naive import NaivePipeline
from claimbench.impl.ports import PipelineContext, StageReport

MORE_THAN_A_PIPE_HOLDS = "x" * 200_000
HELD_BYTES = 4 << 20


class Chatty(NaivePipeline):
    """Does its work, and prints and logs much."""

    def create_batches(self, now: datetime) -> StageReport:
        sys.stdout.write(MORE_THAN_A_PIPE_HOLDS)
        sys.stderr.write(MORE_THAN_A_PIPE_HOLDS)
        return super().create_batches(now)


class Growing(NaivePipeline):
    """Holds `HELD_BYTES` in small objects while it works, but not in its process's warm-up."""

    opened = 0

    def __init__(self, context: PipelineContext) -> None:
        super().__init__(context)
        Growing.opened += 1

    def create_batches(self, now: datetime) -> StageReport:
        held = [bytes(128 - sys.getsizeof(b"")) for _ in range(HELD_BYTES // 128)] if self.opened > 1 else []
        report = super().create_batches(now)
        held.clear()
        return report


class Failing(NaivePipeline):
    """Ends with an error at its first call."""

    def create_batches(self, now: datetime) -> StageReport:
        raise RuntimeError(f"no batch at {now.year}")
