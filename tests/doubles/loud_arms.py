"""Pipelines that say more than a pipe holds, or end with an error."""

import sys
from datetime import datetime

from claimbench.impl.naive import NaivePipeline
from claimbench.impl.ports import StageReport

MORE_THAN_A_PIPE_HOLDS = "x" * 200_000


class Chatty(NaivePipeline):
    """Does its work, and prints and logs much."""

    def create_batches(self, now: datetime) -> StageReport:
        sys.stdout.write(MORE_THAN_A_PIPE_HOLDS)
        sys.stderr.write(MORE_THAN_A_PIPE_HOLDS)
        return super().create_batches(now)


class Failing(NaivePipeline):
    """Ends with an error at its first call."""

    def create_batches(self, now: datetime) -> StageReport:
        raise RuntimeError(f"no batch at {now.year}")
