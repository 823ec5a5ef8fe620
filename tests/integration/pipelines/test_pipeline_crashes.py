"""A process may end at any call and at any commit; the next one goes on, and nothing is lost or doubled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pipeline_stand import STEP, Crash, CrashingApi, Scene
from sqlalchemy import Connection, event

ARMS = ("naive", "optimized")
FIRST, EVERY = 1, 9
"""Smoke size: one point in so many; the chaos session takes them all."""


def drive_until_crash(scene: Scene, arm: str, api: CrashingApi | None = None) -> None:
    pipeline = scene.pipeline(arm, api)
    for _ in range(3):
        try:
            pipeline.run(scene.clock.now())
        except Crash:
            scene.engine.dispose()  # its connections die with a process
            scene.clock.advance(STEP)
            return
        scene.clock.advance(STEP)


def calls_of_a_run(scene: Scene, arm: str) -> int:
    counting = CrashingApi(scene.api, at=0, after=False)
    drive_until_crash(scene, arm, counting)
    return counting.calls


@contextmanager
def crash_at_commit(scene: Scene, at: int) -> Iterator[list[int]]:
    commits = [0]

    def count(_: object) -> None:
        commits[0] += 1
        if commits[0] == at:
            raise Crash

    def count_alone(connection: Connection, *_: object) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            count(connection)

    event.listen(scene.engine, "commit", count)
    event.listen(scene.engine, "before_cursor_execute", count_alone)
    try:
        yield commits
    finally:
        event.remove(scene.engine, "commit", count)
        event.remove(scene.engine, "before_cursor_execute", count_alone)


def assert_nothing_lost_or_doubled(scene: Scene) -> None:
    assert scene.unfinished() == []
    assert scene.fake.meters().duplicates == 0
    assert scene.rows("SELECT id FROM ai_batch_request WHERE status <> 'PROCESSED'") == []
    unused = scene.rows(
        "SELECT b.id FROM ai_batch_request b WHERE b.openai_batch_id IS NULL AND b.outcome <> 'FAILED'"
    )
    assert unused == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("arm", ARMS)
def test_a_crash_at_any_api_call_loses_nothing_and_doubles_nothing(
    open_scene: Callable[..., Scene], arm: str, moment: str
) -> None:
    calls = calls_of_a_run(open_scene(failed_line_rate=0.1), arm)

    for at in range(FIRST, calls + 1, EVERY):
        scene = open_scene(failed_line_rate=0.1)
        drive_until_crash(scene, arm, CrashingApi(scene.api, at, after=moment == "after"))
        scene.drive(arm, runs=6)
        assert_nothing_lost_or_doubled(scene)
    assert calls > 10


@pytest.mark.parametrize("arm", ARMS)
def test_a_crash_at_any_commit_loses_nothing_and_doubles_nothing(
    open_scene: Callable[..., Scene], arm: str
) -> None:
    counted = open_scene(failed_line_rate=0.1)
    with crash_at_commit(counted, at=0) as commits:
        drive_until_crash(counted, arm)

    for at in range(FIRST, commits[0] + 1, EVERY):
        scene = open_scene(failed_line_rate=0.1)
        with crash_at_commit(scene, at):
            drive_until_crash(scene, arm)
        scene.drive(arm, runs=6)
        assert_nothing_lost_or_doubled(scene)
    assert commits[0] > 3


@pytest.mark.parametrize(("first", "then"), [("naive", "optimized"), ("optimized", "naive")])
def test_the_other_pipeline_can_go_on_where_one_crashed(
    open_scene: Callable[..., Scene], first: str, then: str
) -> None:
    for at in (2, 5, 9, 14):
        scene = open_scene(failed_line_rate=0.1)
        drive_until_crash(scene, first, CrashingApi(scene.api, at, after=True))
        scene.drive(then, runs=6)
        assert_nothing_lost_or_doubled(scene)
