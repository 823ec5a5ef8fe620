"""Regressions on purpose, as pipelines around a pipeline: what the gate must turn red on.

`CLAIMBENCH_INJECTED_PIPELINE` names the pipeline inside, `optimized` by default.
"""

import os
import time
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, text

from claimbench.impl.ports import (
    ByStage,
    Pipeline,
    PipelineContext,
    PipelineStats,
    Stage,
    StageReport,
    take_stage,
)
from claimbench.impl.registry import find_pipeline

INSIDE = "CLAIMBENCH_INJECTED_PIPELINE"
_STATUS = Path("/proc/self/status")


class Wrapped(ByStage):
    """A pipeline that does what the one inside does; subclasses add their regression around a stage."""

    def __init__(self, context: PipelineContext) -> None:
        self._engine: Engine = context.engine
        self._inside: Pipeline = find_pipeline(os.environ.get(INSIDE, "optimized"))(context)

    def take(self, stage: Stage, now: datetime) -> StageReport:
        """As the pipeline inside."""
        return take_stage(self._inside, stage, now)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """As the pipeline inside."""
        return self._inside.stats(company_id)


class QueryPerRun(Wrapped):
    """One query more in each scheduler run."""

    def create_batches(self, now: datetime) -> StageReport:
        """As the pipeline inside, after one query."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT count(*) FROM company"))
        return super().create_batches(now)


class QueryPerRequest(Wrapped):
    """The classic N+1: one query for each request that a stage took up."""

    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take one stage, then look each of its requests up alone."""
        report = super().take(stage, now)
        with self._engine.connect() as connection:
            for position in range(report.claimed):
                connection.execute(
                    text("SELECT status FROM ai_processing_request WHERE id = :id"), {"id": position + 1}
                )
        return report


class Slower(Wrapped):
    """Each stage takes longer by a share: busy work, since a sleep would leave the processor to others."""

    share = 0.0

    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take one stage, then spin for the share of its time."""
        started = time.perf_counter()
        report = super().take(stage, now)
        ends_at = time.perf_counter() + self.share * (time.perf_counter() - started)
        while time.perf_counter() < ends_at:
            pass
        return report


class Slower5(Slower):
    """5 % slower."""

    share = 0.05


class Slower10(Slower):
    """10 % slower."""

    share = 0.10


class Slower20(Slower):
    """20 % slower."""

    share = 0.20


class Memory20(Wrapped):
    """Needs 20 % more memory: what it holds grows with the peak of the pipeline inside."""

    def __init__(self, context: PipelineContext) -> None:
        super().__init__(context)
        self._start: int | None = None
        self._held = bytearray()

    def create_batches(self, now: datetime) -> StageReport:
        """As the pipeline inside; the first call begins what is measured, so growth counts from there."""
        if self._start is None:
            self._start = _resident("VmRSS")
        return super().create_batches(now)

    def retry_failed(self, now: datetime) -> StageReport:
        """As the pipeline inside, with a peak of 1.2 times the growth so far, a fifth of which stays held."""
        report = super().retry_failed(now)
        start, peak = self._start or 0, _resident("VmHWM")
        growth = max(0, peak - start - len(self._held))
        wanted = start + growth + growth // 5
        up_to_peak = bytearray(b"\x01") * max(0, wanted - _resident("VmRSS"))
        del up_to_peak
        self._held = bytearray()  # given back first, or both would be held at once
        self._held = bytearray(b"\x01") * (growth // 5)
        return report


class ColdCache(Wrapped):
    """Forgets the companies before every stage."""

    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take one stage with a cold cache; a pipeline without a cache stays as it is."""
        cache = getattr(self._inside, "cache", None)
        if cache is not None:
            cache.invalidate()
        return super().take(stage, now)


def _resident(name: str) -> int:
    """VmRSS or VmHWM of this process, in bytes; 0 where the system does not tell."""
    if not _STATUS.exists():
        return 0
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])
