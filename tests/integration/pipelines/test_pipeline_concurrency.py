"""Several schedulers on one database share the work: nothing is submitted twice, and all of it ends well."""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, BinaryIO

import pytest
from pipeline_stand import ARMS, STEP, Scene
from sqlalchemy import Engine, create_engine, event

from claimbench.impl.errors import ApiError
from claimbench.impl.ports import BatchApi, Completion, PipelineContext, Policy
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


class Meddled:
    """An API at whose first upload or completion something else happens first."""

    def __init__(self, scene: Scene, meddle: Callable[[], object]) -> None:
        self._scene, self._meddle, self._is_due = scene, meddle, True

    def __getattr__(self, name: str) -> object:
        return getattr(self._scene.api, name)

    def upload(self, filename: str, lines: BinaryIO) -> str:
        self._happen()
        return self._scene.api.upload(filename, lines)

    def complete(self, body: Mapping[str, object]) -> Completion:
        self._happen()
        return self._scene.api.complete(body)

    def _happen(self) -> None:
        if self._is_due:
            self._is_due = False
            self._meddle()


def lengthen_prompts(scene: Scene) -> None:
    """So long that the later prompts are still in the server while the first are being sent."""
    scene.change("UPDATE message SET content = id || repeat(' long', 60000)")


@pytest.mark.parametrize("arm", ["naive", "optimized"])
@pytest.mark.parametrize("prompts", ["short", "long"])
def test_a_scheduler_whose_clock_has_jumped_ahead_does_not_take_what_another_is_submitting(
    open_scene: Callable[..., Scene], arm: str, prompts: str
) -> None:
    scene = open_scene(policy=Policy(requests_per_batch_max=1, concurrent_companies=1))
    if prompts == "long":
        lengthen_prompts(scene)
    ahead = scene.pipeline(arm)
    meddled = Meddled(scene, lambda: ahead.create_batches(scene.clock.now() + 3 * STEP))

    scene.pipeline(arm, meddled).create_batches(scene.clock.now())  # type: ignore[arg-type]  # it has all calls
    scene.clock.advance(4 * STEP)
    scene.drive(arm, runs=4)

    ids = submitted_ids(scene.fake)
    assert len(ids) == len(set(ids))
    assert scene.unfinished() == []


@pytest.mark.parametrize("arm", ["naive", "optimized"])
@pytest.mark.parametrize("prompts", ["short", "long"])
def test_a_scheduler_whose_clock_has_jumped_ahead_does_not_retry_what_another_is_retrying(
    open_scene: Callable[..., Scene], arm: str, prompts: str
) -> None:
    scene = open_scene(policy=Policy(concurrent_companies=1))
    if prompts == "long":
        lengthen_prompts(scene)
    scene.change(
        "UPDATE ai_processing_request SET status = 'PROCESSING_FAILED', attempts = 1"
        " WHERE status = 'PENDING_BATCHING'"
    )
    ahead = scene.pipeline(arm)
    meddled = Meddled(scene, lambda: ahead.retry_failed(scene.clock.now() + 3 * STEP))

    scene.pipeline(arm, meddled).retry_failed(scene.clock.now())  # type: ignore[arg-type]  # it has all calls

    asked = [one.body for one in scene.fake.meters().submitted]
    assert asked
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("arm", ["naive", "optimized"])
def test_two_schedulers_of_the_same_moment_do_not_take_each_others_claim_for_their_own(
    open_scene: Callable[..., Scene], arm: str
) -> None:
    """What one claims, another takes over; and a third, of the first one's time, takes it back."""
    scene = open_scene(policy=Policy(concurrent_companies=1))  # so that one thing comes after the other
    now = scene.clock.now()
    goes_on, has_begun = Event(), Event()
    second = scene.pipeline(arm, without_answers(scene))
    third = scene.pipeline(arm, Meddled(scene, lambda: (has_begun.set(), goes_on.wait(30))))
    with ThreadPoolExecutor(1) as pool, engine_of(scene) as engine:
        thirds = []

        def take_over() -> None:
            second.create_batches(now + 3 * STEP)
            thirds.append(pool.submit(third.create_batches, now))
            assert has_begun.wait(30)

        once_claimed(engine, scene, take_over)
        first = ARMS[arm](PipelineContext(engine, scene.api, scene.policy, scene.events.append))
        first.create_batches(now)
        goes_on.set()
        thirds[0].result()

    ids = submitted_ids(scene.fake)
    assert ids
    assert len(ids) == len(set(ids))


def without_answers(scene: Scene) -> BatchApi:
    """An API that is out of reach for whoever looks a batch up: so it keeps what it claims."""

    class Unreachable:
        def __getattr__(self, name: str) -> object:
            return getattr(scene.api, name)

        def find_batches(self, keys: Collection[str], _since: int | None = None) -> None:
            raise ApiError(f"lost on the way to {keys}", retryable=True)

    return Unreachable()  # type: ignore[return-value]  # it has all calls


@contextmanager
def engine_of(scene: Scene) -> Iterator[Engine]:
    engine = create_engine(scene.url)
    try:
        yield engine
    finally:
        engine.dispose()


def once_claimed(engine: Engine, scene: Scene, meddle: Callable[[], None]) -> None:
    """Do something once, at the first use of the engine after batches have been claimed through it."""
    due = [meddle]

    @event.listens_for(engine, "engine_connect")
    @event.listens_for(engine, "before_cursor_execute")
    def meddle_when_claimed(*_: object) -> None:
        if due and scene.rows("SELECT 1 FROM ai_batch_request WHERE status = 'UPLOADING'"):
            due.pop()()


DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected'; END $$"


def test_results_whose_transaction_met_another_are_applied_again_without_another_download(
    open_scene: Callable[..., Scene],
) -> None:
    scene = open_scene()
    pipeline, due = scene.pipeline("optimized"), [DEADLOCK]

    @event.listens_for(scene.engine, "before_cursor_execute", retval=True)
    def break_the_first(_: object, __: object, statement: str, given: object, *___: object) -> Any:
        return (due.pop(), {}) if due and "pg_temp.settled" in statement else (statement, given)

    pipeline.create_batches(scene.clock.now())
    scene.clock.advance(STEP)
    pipeline.check_statuses(scene.clock.now())
    [(files,)] = scene.rows(
        "SELECT count(output_file_id) + count(error_file_id) FROM ai_batch_request"
        " WHERE status <> 'PROCESSED'"
    )
    [(waiting,)] = scene.rows(
        "SELECT count(*) FROM ai_processing_request WHERE status = 'BATCHING_IN_PROGRESS'"
    )
    report = pipeline.process_results(scene.clock.now())

    assert due == []
    assert report.claimed == waiting
    assert scene.fake.meters().calls["files.content"] == files
    assert scene.rows("SELECT id FROM ai_batch_request WHERE status <> 'PROCESSED'") == []
