"""What `claimbench selftest` injects is as large as it says, and is judged by blocks as the gate is."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import pytest

from claimbench.impl.ports import PipelineContext, Stage, StageReport
from claimbench.loadgen.gate import injections, selftesting
from claimbench.loadgen.gate.selftesting import Injection, looks_of
from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.reports.record.values import Sample

PEAK = 256 * 1024 * 1024
"""So large that what else this process comes to need meanwhile is far below the tolerance."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Hungry:
    """A pipeline whose one stage needs 256 MiB for a moment."""

    def __init__(self, context: PipelineContext) -> None:
        self.context = context

    def create_batches(self, now: datetime) -> StageReport:
        """Need it, and give it back."""
        del now
        taken = bytearray(b"\x01") * PEAK
        del taken
        return StageReport(Stage.CREATE_BATCHES)

    def retry_failed(self, now: datetime) -> StageReport:
        """Need nothing."""
        del now
        return StageReport(Stage.RETRY_FAILED)


class _NoContext:
    engine = None


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory can be read and reset on Linux alone")
def test_that_20_percent_more_memory_are_20_percent_after_any_number_of_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(injections.INSIDE, f"{__name__}:Hungry")
    pipeline = injections.Memory20(cast("PipelineContext", _NoContext()))
    probe = MemoryProbe()
    for _ in range(3):
        pipeline.create_batches(NOW)
        pipeline.retry_failed(NOW)
    (reading,) = probe.lap()
    assert reading.value / PEAK == pytest.approx(1.2, abs=0.03)


def _sample(arm: str, block: int, value: float) -> Sample:
    return Sample(arm=arm, block=block, stage="run", metric="time", unit="s", value=value, rtt_ms=1.0, size=6)


class _Measured:
    """Blocks of three rounds: the injected arm takes twice as long, but for one lucky last round."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, number: int) -> Iterator[Sample]:
        self.asked.append(number)
        for value in (1.0, 1.0, 1.0):
            yield _sample("clean", number, value)
        for value in (2.0, 2.0, 0.5):
            yield _sample("twice", number, value)


def test_that_a_block_is_the_median_of_its_rounds_and_is_measured_once_for_all_injections() -> None:
    measured = _Measured()
    blocks = selftesting.SharedBlocks(measured)
    twice = Injection("twice", "pipeline", "time")
    first, second = blocks.taker_for(twice), blocks.taker_for(twice)
    assert [*first(2)[0], *first(1)[0]] == [2.0, 2.0, 2.0]
    assert [*second(2)[0]] == [2.0, 2.0]
    assert measured.asked == [0, 1, 2]


@pytest.mark.parametrize("most", [24, 48, 100])
def test_that_looks_and_confirmation_stay_within_the_blocks_that_were_allowed(most: int) -> None:
    plan = looks_of(most)
    assert plan.blocks[0] < plan.blocks[-1]
    assert plan.most_blocks <= most
