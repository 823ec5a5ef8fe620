"""A scheduler is killed by SIGKILL at some of its calls and commits, and a fresh one goes on."""

import signal

import pytest
from mortal_process import Trial, trial

from claimbench.loadgen.oracle import Violation
from claimbench.loadgen.verify.datasets import HistoryDataset
from claimbench.loadgen.verify.histories import Break, BreakPlace, Harm, Moment
from claimbench.loadgen.verify.world import World

SOME = (2, 6, 13)
"""Smoke size; the chaos session takes every point until there is none."""


def killed_at(world: World, dataset: HistoryDataset, pipeline: str, point: Break) -> tuple[Violation, ...]:
    with trial(world, dataset) as scene:
        process = scene.start(pipeline, ends_at=point)
        process.join(60)
        assert process.exitcode == -signal.SIGKILL

        scene.drain(pipeline)

        return scene.violations(frozenset({0}))


@pytest.mark.parametrize("pipeline", ["naive", "optimized"])
@pytest.mark.parametrize("place", list(BreakPlace))
def test_a_fresh_scheduler_finishes_what_a_killed_one_began(
    world: World, tiny: HistoryDataset, pipeline: str, place: BreakPlace
) -> None:
    for number, moment in zip(SOME, (Moment.AFTER, Moment.BEFORE, Moment.AFTER), strict=True):
        point = Break(place, number, moment, Harm.KILL)

        assert killed_at(world, tiny, pipeline, point) == (), str(point)


@pytest.mark.parametrize("pipeline", ["naive", "optimized", "integrated"])
def test_eight_processes_at_once_do_the_work_of_one(
    world: World, tiny: HistoryDataset, pipeline: str
) -> None:
    with trial(world, tiny) as scene:
        crowd = [scene.start(pipeline, runs=4) for _ in range(8)]
        codes = crowd_ends(crowd)
        scene.drain(pipeline)

        assert codes == [0] * 8
        assert without_turns(scene) == ()


def crowd_ends(crowd: list[object]) -> list[int]:
    for process in crowd:
        process.join(120)  # type: ignore[attr-defined]  # a process of the forkserver
    return [process.exitcode for process in crowd]  # type: ignore[attr-defined]  # as above


def without_turns(scene: Trial) -> tuple[Violation, ...]:
    """All runs of all eight are one turn to the recorder: the limit of a run says nothing of it."""
    return tuple(one for one in scene.violations(frozenset()) if " retries of " not in one.detail)
