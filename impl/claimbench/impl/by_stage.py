"""A pipeline whose stages differ only in which they are, as those that pass each stage on to another do."""

from abc import ABC, abstractmethod
from datetime import datetime

from claimbench.impl.ports import PipelineStats, RunReport, Stage, StageReport, run_stages


class ByStage(ABC):
    """All of a `Pipeline` from one method that takes any stage, and from its stats."""

    @abstractmethod
    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take this stage at this time."""

    @abstractmethod
    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue of one company, or of all."""

    def create_batches(self, now: datetime) -> StageReport:
        """Stage 1."""
        return self.take(Stage.CREATE_BATCHES, now)

    def check_statuses(self, now: datetime) -> StageReport:
        """Stage 2."""
        return self.take(Stage.CHECK_STATUSES, now)

    def process_results(self, now: datetime) -> StageReport:
        """Stage 3."""
        return self.take(Stage.PROCESS_RESULTS, now)

    def retry_failed(self, now: datetime) -> StageReport:
        """Stage 4."""
        return self.take(Stage.RETRY_FAILED, now)

    def run(self, now: datetime) -> RunReport:
        """The four stages once, in order."""
        return run_stages(self, now)
