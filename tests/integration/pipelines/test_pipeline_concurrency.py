"""Several schedulers on one database share the work: nothing is submitted twice, and all of it ends well."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pipeline_stand import ARMS, STEP, Scene

from claimbench.impl.ports import PipelineContext, Policy
from claimbench.loadgen.fake_openai.core import FakeOpenAI

CROWDS = {
    "two naive": ("naive",) * 2,
    "two optimized": ("optimized",) * 2,
    "eight naive": ("naive",) * 8,
    "eight optimized": ("optimized",) * 8,
    "eight mixed": ("naive", "optimized", "integrated", "optimized") * 2,
}


def run_together(scene: Scene, crowd: tuple[str, ...], rounds: int) -> None:
    context = PipelineContext(scene.engine, scene.api, scene.policy, scene.events.append)
    pipelines = [ARMS[arm](context) for arm in crowd]
    with ThreadPoolExecutor(len(pipelines)) as pool:
        for _ in range(rounds):
            now = scene.clock.now()
            for done in [pool.submit(pipeline.run, now) for pipeline in pipelines]:
                done.result()
            scene.clock.advance(STEP)


def submitted_ids(fake: FakeOpenAI) -> list[str]:
    return [one.custom_id for one in fake.meters().submitted if one.custom_id is not None]


@pytest.mark.parametrize("crowd", CROWDS)
def test_schedulers_that_run_at_once_submit_each_request_once(
    open_scene: Callable[..., Scene], crowd: str
) -> None:
    scene = open_scene(policy=Policy(requests_per_batch_max=5))

    run_together(scene, CROWDS[crowd], rounds=4)

    ids = submitted_ids(scene.fake)
    assert len(ids) == len(set(ids))
    assert scene.unfinished() == []
    assert scene.rows("SELECT id FROM ai_batch_request WHERE status <> 'PROCESSED'") == []


def test_schedulers_that_run_at_once_make_no_more_attempts_than_they_count(
    open_scene: Callable[..., Scene],
) -> None:
    scene = open_scene(failed_line_rate=0.3)

    run_together(scene, CROWDS["eight mixed"], rounds=6)

    [(counted,)] = scene.rows(
        "SELECT sum(attempts) FROM ai_processing_request WHERE requested_at > '2026-01-15'"
    )
    assert scene.unfinished() == []
    assert len(scene.fake.meters().submitted) <= int(str(counted))


@pytest.mark.parametrize("arm", ["naive", "optimized"])
def test_a_scheduler_whose_clock_has_jumped_ahead_does_not_take_what_another_is_submitting(
    open_scene: Callable[..., Scene], arm: str
) -> None:
    scene = open_scene()
    ahead = scene.pipeline(arm)
    real_upload = scene.api.upload

    class Meddled:
        def __getattr__(self, name: str) -> object:
            return getattr(scene.api, name)

        def upload(self, filename: str, lines: object) -> str:
            ahead.create_batches(scene.clock.now() + 3 * STEP)
            return real_upload(filename, lines)  # type: ignore[arg-type]  # the file is passed on

    scene.pipeline(arm, Meddled()).create_batches(scene.clock.now())  # type: ignore[arg-type]  # it has all calls
    scene.clock.advance(4 * STEP)
    scene.drive(arm, runs=4)

    ids = submitted_ids(scene.fake)
    assert len(ids) == len(set(ids))
    assert scene.unfinished() == []
