"""Both pipelines are killed at every call and every commit of their first runs, before it and after it."""

import signal
import sys
from itertools import count
from random import Random

import pytest
from mortal_process import trial

from claimbench.loadgen.verify.datasets import DatasetPlan, draw_dataset
from claimbench.loadgen.verify.histories import Break, Harm, Moment, Place
from claimbench.loadgen.verify.world import World


def dataset() -> DatasetPlan:
    return draw_dataset(Random("chaos 4"))  # noqa: S311 (data, not secrets)


@pytest.mark.chaos
@pytest.mark.parametrize("pipeline", ["naive", "optimized"])
@pytest.mark.parametrize("place", list(Place))
@pytest.mark.parametrize("moment", list(Moment))
def test_a_kill_at_every_point_loses_nothing_and_doubles_nothing(
    world: World, pipeline: str, place: Place, moment: Moment
) -> None:
    killed = 0
    for number in count(1):
        with trial(world, dataset()) as scene:
            process = scene.start(pipeline, ends_at=Break(place, number, moment, Harm.KILL))
            process.join(60)
            if process.exitcode == 0:
                break
            assert process.exitcode == -signal.SIGKILL
            scene.drain(pipeline)

            assert scene.violations(frozenset({0})) == (), f"killed {moment} {place} {number}"
        killed = number
    sys.stdout.write(f"{pipeline}: killed {moment} each of {killed} points of kind {place}\n")

    assert killed > 10
