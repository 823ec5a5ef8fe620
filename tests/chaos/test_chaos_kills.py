"""Both pipelines are killed at every call and every commit of their first runs, before it and after it."""

import signal
import sys
from itertools import count

import pytest
from mortal_process import trial

from claimbench.impl.statuses import ProcessingType, RequestStatus
from claimbench.loadgen.verify.datasets import (
    MODELS,
    CompanyPlan,
    DatasetPlan,
    Oddity,
    RequestPlan,
    SessionPlan,
)
from claimbench.loadgen.verify.histories import Break, Harm, Moment, Place
from claimbench.loadgen.verify.world import World

PENDING = RequestStatus.PENDING_BATCHING
SENTIMENT = ProcessingType.SENTIMENT_ANALYSIS
DATASET = DatasetPlan(
    tuple(
        CompanyPlan(
            company,
            is_active=True,
            sessions=tuple(
                SessionPlan(
                    number, Oddity.NONE, 2, (RequestPlan(number, MODELS[0], SENTIMENT, PENDING, 0, 60),)
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
@pytest.mark.parametrize("place", list(Place))
@pytest.mark.parametrize("moment", list(Moment))
def test_a_kill_at_every_point_loses_nothing_and_doubles_nothing(
    world: World, pipeline: str, place: Place, moment: Moment
) -> None:
    killed = 0
    for number in count(1):
        with trial(world, DATASET) as scene:
            process = scene.start(pipeline, runs=2, ends_at=Break(place, number, moment, Harm.KILL))
            process.join(60)
            if process.exitcode == 0:
                break
            assert process.exitcode == -signal.SIGKILL
            scene.drain(pipeline)

            assert scene.violations(frozenset({0})) == (), f"killed {moment} {place} {number}"
        killed = number
    sys.stdout.write(f"{pipeline}: killed {moment} each of {killed} points of kind {place}\n")

    assert killed > 10
