"""Both pipelines are killed at every call and every commit of their first runs, before it and after it."""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, takewhile

import pytest
from mortal_process import trial

from claimbench.impl.statuses import ProcessingType, RequestStatus
from claimbench.loadgen.verify.datasets import (
    MODELS,
    HistoryCompany,
    HistoryDataset,
    HistoryRequest,
    HistorySession,
    Oddity,
)
from claimbench.loadgen.verify.histories import Break, BreakPlace, Harm, Moment
from claimbench.loadgen.verify.world import World

PENDING = RequestStatus.PENDING_BATCHING
SENTIMENT = ProcessingType.SENTIMENT_ANALYSIS
DATASET = HistoryDataset(
    tuple(
        HistoryCompany(
            company,
            is_active=True,
            sessions=tuple(
                HistorySession(
                    number, Oddity.NONE, 2, (HistoryRequest(number, MODELS[0], SENTIMENT, PENDING, 0, 60),)
                )
                for number in range(10 * company, 10 * company + 4)
            ),
        )
        for company in (1, 2)
    )
)
"""Two companies of four requests each, in two batches each; what fails in them is retried."""


@pytest.mark.chaos
@pytest.mark.parametrize("pipeline", ["naive", "optimized"])
@pytest.mark.parametrize("place", list(BreakPlace))
@pytest.mark.parametrize("moment", list(Moment))
def test_a_kill_at_every_point_loses_nothing_and_doubles_nothing(
    worlds: tuple[World, ...], pipeline: str, place: BreakPlace, moment: Moment
) -> None:
    """The worlds share the points; each goes on until a process came to its end without meeting its point."""

    def killed_in(index: int) -> int:
        points = (Break(place, 1 + number, moment, Harm.KILL) for number in count(index, len(worlds)))
        return sum(1 for _ in takewhile(partial(is_killed, worlds[index], pipeline), points))

    with ThreadPoolExecutor(len(worlds)) as pool:
        killed = sum(pool.map(killed_in, range(len(worlds))))
    sys.stdout.write(f"{pipeline}: killed {moment} each of {killed} points of kind {place}\n")

    assert killed > 10


def is_killed(world: World, pipeline: str, point: Break) -> bool:
    """Kill a scheduler there and let another one go on; False if the first one never came there."""
    with trial(world, DATASET) as scene:
        process = scene.start(pipeline, runs=2, ends_at=point)
        process.join(60)
        if process.exitcode == 0:
            return False
        assert process.exitcode == -signal.SIGKILL
        scene.drain(pipeline)

        assert scene.violations(frozenset({0})) == (), f"killed {point}"
    return True
