"""What every registered pipeline promises, whatever its way of working."""

from collections.abc import Callable

import pytest
from pipeline_stand import STEP, Scene

from claimbench.impl.ports import Pipeline, PipelineContext, Stage, StageReport, take_stage
from claimbench.impl.registry import find_pipeline, pipeline_names
from claimbench.impl.statuses import BatchStatus, RequestStatus

EVERY = pytest.mark.parametrize("name", pipeline_names())
Open = Callable[..., Scene]


def built(scene: Scene, name: str) -> Pipeline:
    return find_pipeline(name)(PipelineContext(scene.engine, scene.api, scene.policy, scene.events.append))


def test_the_three_pipelines_are_registered() -> None:
    assert {"naive", "optimized", "integrated"} <= set(pipeline_names())


@EVERY
def test_a_pipeline_keeps_the_protocol_and_opens_nothing_when_it_is_built(
    open_scene: Open, name: str
) -> None:
    scene = open_scene()
    pipeline = built(scene, name)

    assert isinstance(pipeline, Pipeline)
    assert scene.engine.pool.checkedin() + scene.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@EVERY
def test_a_run_reports_the_four_stages_in_their_order(open_scene: Open, name: str) -> None:
    scene = open_scene()
    report = built(scene, name).run(scene.clock.now())

    assert [stage.stage for stage in report.stages] == list(Stage)


@EVERY
def test_a_second_call_of_a_stage_at_the_same_time_finds_nothing_more_to_create(
    open_scene: Open, name: str
) -> None:
    scene = open_scene()
    pipeline = built(scene, name)
    first = pipeline.create_batches(scene.clock.now())
    again = pipeline.create_batches(scene.clock.now())

    assert (first.created > 0, again.created) == (True, 0)


@EVERY
def test_reports_and_statistics_tell_the_same_story(open_scene: Open, name: str) -> None:
    scene = open_scene(failed_line_rate=0.2)
    pipeline = built(scene, name)
    before = pipeline.stats()
    created = pipeline.create_batches(scene.clock.now())
    during = pipeline.stats()
    scene.clock.advance(STEP)
    pipeline.check_statuses(scene.clock.now())
    processed = pipeline.process_results(scene.clock.now())
    after = pipeline.stats()

    assert during.requests[RequestStatus.BATCHING_IN_PROGRESS] == created.created == processed.claimed
    done = (
        after.requests[RequestStatus.PROCESSING_COMPLETE] - before.requests[RequestStatus.PROCESSING_COMPLETE]
    )
    assert done == processed.completed
    assert after.batches[BatchStatus.VALIDATING] == 0
    assert after.total_tokens > before.total_tokens


@EVERY
@pytest.mark.parametrize("stage", Stage)
def test_a_stage_without_work_reports_nothing(open_scene: Open, name: str, stage: Stage) -> None:
    scene = open_scene()
    scene.change("UPDATE company SET status = 'INACTIVE'")

    assert take_stage(built(scene, name), stage, scene.clock.now()) == StageReport(stage)
    assert scene.fake.meters().total_calls == 0


@EVERY
def test_the_work_of_inactive_companies_is_left_alone(open_scene: Open, name: str) -> None:
    scene = open_scene()
    untouched = """SELECT r.id, r.status FROM ai_processing_request r JOIN session s ON s.id = r.session_id
                   JOIN company c ON c.id = s.company_id WHERE c.status = 'INACTIVE' ORDER BY 1"""
    before = scene.rows(untouched)
    for _ in range(3):
        built(scene, name).run(scene.clock.now())
        scene.clock.advance(STEP)

    assert scene.rows(untouched) == before
