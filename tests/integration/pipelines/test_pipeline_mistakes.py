"""The eight things that went wrong in the system of the document, each shown not to be so here."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from pipeline_stand import STEP, RefusingApi, Scene, faults
from sqlalchemy import event

from claimbench.impl.errors import ApiError
from claimbench.impl.events import EventKind
from claimbench.impl.integration import Flags, IntegratedPipeline
from claimbench.impl.ports import PipelineContext, Policy, Stage
from claimbench.impl.scheduler import NamedPipeline, StageRunner, Timetable
from claimbench.impl.stage_events import ChoiceEvent, FallbackEvent, Path, StageEvent
from claimbench.loadgen.fake_openai.faults import FaultKind

ARMS = pytest.mark.parametrize("arm", ["naive", "optimized", "integrated"])
Open = Callable[..., Scene]


def integrated(scene: Scene, flags: Flags | None = None) -> IntegratedPipeline:
    context = PipelineContext(scene.engine, scene.api, scene.policy, scene.events.append)
    return IntegratedPipeline(context, flags or Flags())


@ARMS
def test_every_prompt_that_is_sent_holds_all_messages_of_its_session(open_scene: Open, arm: str) -> None:
    """Mistake 1: empty prompts."""
    scene = open_scene()
    scene.drive(arm, runs=2)
    expected = dict(
        scene.rows(
            """SELECT r.id,
                      (SELECT string_agg(role || ': ' || coalesce(content, ''), E'\\n' ORDER BY position)
                       FROM message WHERE session_id = r.session_id) FROM ai_processing_request r"""
        )  # type: ignore[arg-type]  # rows of two
    )

    sent = [one for one in scene.fake.meters().submitted if one.custom_id]
    asked = {
        int(one.custom_id.rpartition("-")[2]): json.loads(one.body)["messages"][1]["content"] for one in sent
    }
    assert len(asked) > 30
    assert asked == {request_id: expected[request_id] for request_id in asked}


def statements_of_a_run(scene: Scene) -> int:
    counted = [0]
    pipeline = scene.pipeline("optimized")
    pipeline.run(scene.clock.now())
    scene.clock.advance(STEP)
    event.listen(scene.engine, "before_cursor_execute", lambda *_: counted.__setitem__(0, counted[0] + 1))
    pipeline.run(scene.clock.now())
    return counted[0]


def test_the_optimized_pipeline_makes_as_many_statements_for_many_batches_as_for_few(
    open_scene: Open,
) -> None:
    """Mistake 2: still a query per company."""
    few = statements_of_a_run(open_scene(failed_line_rate=0.2))
    many = statements_of_a_run(open_scene(failed_line_rate=0.2, policy=Policy(requests_per_batch_max=2)))

    assert few == many


def test_the_naive_pipeline_loads_sessions_with_all_messages_by_its_query_as_the_document_does(
    open_scene: Open,
) -> None:
    scene, said = open_scene(), []
    event.listen(scene.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    scene.pipeline("naive").create_batches(scene.clock.now())
    companies = scene.rows("SELECT count(*) FROM company WHERE status = 'ACTIVE'")[0][0]
    loads = [one for one in said if "FROM message" in one]

    assert isinstance(companies, int)
    assert 0 < len(loads) <= companies
    assert not [one for one in said if "FROM session" in one and "ai_processing_request" not in one]


@pytest.mark.parametrize("arm", ["naive", "optimized", "integrated"])
def test_a_failed_request_about_a_silent_session_is_given_up_and_not_paid_for(
    open_scene: Open, arm: str
) -> None:
    scene = open_scene()
    scene.change("DELETE FROM message")
    scene.change(
        "UPDATE ai_processing_request SET status = 'PROCESSING_FAILED', error = 'x', attempts = 1 "
        "WHERE status = 'PENDING_BATCHING'"
    )
    scene.pipeline(arm).retry_failed(scene.clock.now())
    given_up = scene.rows("SELECT count(*) FROM ai_processing_request WHERE status = 'PROCESSING_ABANDONED'")

    assert [*scene.fake.meters().submitted] == []
    assert given_up > [(0,)]


def test_the_optimized_path_stays_chosen_when_the_original_never_ran(open_scene: Open) -> None:
    """Mistake 3: the tracker turned itself off."""
    scene = open_scene()
    pipeline = integrated(scene)
    for _ in range(8):
        pipeline.check_statuses(scene.clock.now())

    paths = {event.path for event in scene.events if isinstance(event, ChoiceEvent)}
    assert paths == {Path.OPTIMIZED}


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_a_fallback_after_part_of_the_work_does_none_of_it_twice(open_scene: Open, at: int) -> None:
    """Mistake 4: the fallback sent work twice."""
    scene = open_scene()
    broken = RefusingApi(scene.api, at, RuntimeError("a bug"))  # type: ignore[arg-type]  # not the API's
    context = PipelineContext(scene.engine, broken, scene.policy, scene.events.append)
    IntegratedPipeline(context, Flags()).create_batches(scene.clock.now())
    scene.clock.advance(STEP)

    scene.drive("integrated", runs=5)

    fallbacks = [event for event in scene.events if isinstance(event, FallbackEvent)]
    assert [fallback.stage for fallback in fallbacks] == [Stage.CREATE_BATCHES]
    assert scene.fake.meters().duplicates == 0
    assert scene.unfinished() == []


def test_without_fallback_the_error_is_told_to_the_caller(open_scene: Open) -> None:
    scene = open_scene()
    broken = RefusingApi(scene.api, 1, RuntimeError("a bug"))  # type: ignore[arg-type]  # not the API's
    context = PipelineContext(scene.engine, broken, scene.policy, scene.events.append)

    with pytest.raises(RuntimeError, match="a bug"):
        IntegratedPipeline(context, Flags(fallback_on_errors=False)).create_batches(scene.clock.now())


@ARMS
def test_the_error_file_is_read_and_its_requests_are_retried_alone(open_scene: Open, arm: str) -> None:
    """Mistake 5: error files were never read."""
    scene = open_scene(injected=faults(FaultKind.ALL_LINES_FAILED, status=500))
    scene.drive(arm, runs=8)

    assert scene.unfinished() == []
    assert scene.fake.meters().calls["chat.completions.create"] > 30


@ARMS
def test_a_request_that_never_succeeds_is_given_up_with_its_reason(open_scene: Open, arm: str) -> None:
    """Mistake 6: retries never ended."""
    scene = open_scene(injected=faults(FaultKind.ANSWER_NOT_JSON), policy=Policy(attempts_max=2))
    scene.drive(arm, runs=8)

    ends = scene.rows(
        """SELECT DISTINCT status, attempts, error FROM ai_processing_request
           WHERE requested_at > '2026-01-15 11:00' AND attempts > 0"""
    )
    assert ends == [("PROCESSING_ABANDONED", 2, "the answer is not JSON")]


@ARMS
def test_the_finished_lines_of_an_expired_batch_are_kept(open_scene: Open, arm: str) -> None:
    """Mistake 7: an expired batch was thrown away."""
    scene = open_scene(injected=faults(FaultKind.EXPIRE, share=0.5))
    pipeline = scene.pipeline(arm)
    pipeline.create_batches(scene.clock.now())
    scene.clock.advance(75 * STEP)
    pipeline.check_statuses(scene.clock.now())
    pipeline.process_results(scene.clock.now())

    states = dict(
        scene.rows(
            """SELECT status, count(*) FROM ai_processing_request WHERE attempts = 1
               AND requested_at > '2026-01-15 11:00' GROUP BY status"""
        )  # type: ignore[arg-type]  # rows of two
    )
    assert set(states) == {"PROCESSING_COMPLETE", "PENDING_BATCHING"}


def test_the_cache_counts_its_hits_and_misses(open_scene: Open) -> None:
    """Mistake 8: cache statistics without hits and misses."""
    scene = open_scene()
    pipeline = integrated(scene)
    pipeline.run(scene.clock.now())

    assert (pipeline.cache.counts.hits, pipeline.cache.counts.misses) == (3, 1)
    assert scene.count(EventKind.CACHE_HIT) == 3


def test_flags_are_switched_and_rolled_back_in_the_middle_of_the_work(open_scene: Open) -> None:
    scene = open_scene(failed_line_rate=0.2)
    pipeline = integrated(scene)
    before = scene.rows("SELECT table_name, column_name FROM information_schema.columns ORDER BY 1, 2")
    for flags in (
        Flags(batch_optimization=False),
        Flags(batch_operations=False),
        Flags(parallel_processing=False),
        Flags(),
        Flags(batch_optimization=False),
    ):
        pipeline.switch(flags)
        pipeline.run(scene.clock.now())
        scene.clock.advance(STEP)

    paths = [event.path for event in scene.events if isinstance(event, ChoiceEvent)]
    assert paths[:4] == [Path.ORIGINAL] * 4
    assert paths[4:8] == [Path.OPTIMIZED] * 4
    scene.drive("integrated", runs=3)
    assert (scene.unfinished(), scene.fake.meters().duplicates) == ([], 0)
    assert before == scene.rows(
        "SELECT table_name, column_name FROM information_schema.columns ORDER BY 1, 2"
    )


@pytest.mark.parametrize("flags", [Flags(), Flags(batch_optimization=False)])
def test_a_stage_of_the_integrated_pipeline_is_told_once(open_scene: Open, flags: Flags) -> None:
    """The scheduler told that a stage was done, and the pipeline that it ran had told so already."""
    scene = open_scene()
    pipeline = integrated(scene, flags)
    runner = StageRunner(
        lambda: NamedPipeline("integrated", pipeline), Timetable(), scene.clock, scene.events.append
    )
    for stage in Stage:
        runner.run(stage)

    told = [event.stage for event in scene.events if isinstance(event, StageEvent)]
    assert (told, scene.count(EventKind.STAGE_DONE)) == (list(Stage), 4)


class Keyless:
    """An API that refuses our key."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        def refuse(*_: object, **__: Mapping[str, object]) -> object:
            raise ApiError("no key", status_code=401, code="invalid_api_key", retryable=False)

        return refuse


@ARMS
def test_a_refused_key_costs_no_request_an_attempt(open_scene: Open, arm: str) -> None:
    scene = open_scene()
    pipeline = scene.pipeline(arm, Keyless())  # type: ignore[arg-type]  # it has every call
    for _ in range(5):
        pipeline.run(scene.clock.now())
        scene.clock.advance(STEP)
    abandoned = scene.rows("SELECT id FROM ai_processing_request WHERE status = 'PROCESSING_ABANDONED'")

    scene.drive(arm, runs=4)

    assert abandoned == []
    assert (scene.unfinished(), scene.fake.meters().duplicates) == ([], 0)


def asked(scene: Scene, arm: str, apart: timedelta) -> list[tuple[str, str]]:
    """What the API was asked, by channel, when its clock is that far from ours."""
    pipeline = scene.pipeline(arm)
    for _ in range(9):
        pipeline.run(scene.clock.now() + apart)
        scene.clock.advance(STEP)
    assert scene.unfinished() == []
    return sorted((one.channel, one.body) for one in scene.fake.meters().submitted)


@pytest.mark.parametrize("apart", [timedelta(days=-400), timedelta(days=400)])
@ARMS
def test_answers_that_come_late_are_waited_for_however_far_the_apis_clock_is_from_ours(
    open_scene: Open, arm: str, apart: timedelta
) -> None:
    """Judged by the API's stamp, a batch was processed without its answers, and all was asked for again."""
    late = faults(FaultKind.LATE_OUTPUT_FILE_ID, seconds=2 * STEP.total_seconds() + 60)
    in_time = asked(open_scene(failed_line_rate=0.2), arm, apart)

    assert asked(open_scene(failed_line_rate=0.2, injected=late), arm, apart) == in_time
