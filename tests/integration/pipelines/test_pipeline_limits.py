"""A model at its limit: how long its refusals make batches small."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from pipeline_stand import Scene
from sqlalchemy import event

from claimbench.impl.optimized import checking, paging, results
from claimbench.impl.ports import Policy
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH

Open = Callable[..., Scene]

BATCHES = """
    INSERT INTO ai_batch_request
        (company_id, model, key, status, outcome, error, created_at, completed_at, processed_at)
    SELECT 1, model, :name || model || n, 'PROCESSED', :outcome, :error, at, at, at
    FROM (SELECT DISTINCT model FROM ai_processing_request) AS models,
         generate_series(1, :many) AS n,
         LATERAL (SELECT CAST(:now AS timestamptz) - make_interval(mins => :ago - n) AS at)
"""


def largest_batch(scene: Scene, arm: str) -> int:
    scene.pipeline(arm).create_batches(scene.clock.now())
    sizes = scene.rows(
        """SELECT count(*) FROM ai_processing_request JOIN ai_batch_request AS b ON b.id = batch_id
           WHERE b.created_at = :now GROUP BY b.id""",
        now=scene.clock.now(),
    )
    return max(int(str(size)) for (size,) in sizes)


@pytest.mark.parametrize("arm", ["naive", "optimized"])
@pytest.mark.parametrize(("ago", "is_whole"), [(70, False), (45, True)])
@pytest.mark.parametrize("outcome", ["COMPLETED", "EXPIRED"])
def test_batches_are_whole_again_once_one_has_gone_through_since_the_last_refusal(
    open_scene: Open, arm: str, outcome: str, ago: int, *, is_whole: bool
) -> None:
    """Small for long after, they were so many that some were always refused, and stayed small for ever."""
    whole = largest_batch(open_scene(), arm)
    scene = open_scene()
    now = scene.clock.now()
    refused = "token_limit_exceeded: at its limit"
    scene.change(BATCHES, name="refused", outcome="FAILED", error=refused, many=4, ago=65, now=now)
    scene.change(BATCHES, name="taken", outcome=outcome, error=None, many=1, ago=ago, now=now)

    assert largest_batch(scene, arm) == (whole if is_whole else whole >> 3)


@pytest.mark.parametrize("failed_line_rate", [0.0, 0.5, 1.0])
def test_results_are_applied_by_as_many_requests_a_transaction_however_many_were_refused(
    open_scene: Open, monkeypatch: pytest.MonkeyPatch, failed_line_rate: float
) -> None:
    """A batch that was only refused counted as a tenth of a transaction, one half refused as its half."""
    monkeypatch.setattr("claimbench.impl.optimized.results.REQUESTS_AT_A_TIME", 12)
    scene = open_scene(policy=Policy(requests_per_batch_max=5), failed_line_rate=failed_line_rate)
    pipeline = scene.pipeline("optimized")
    pipeline.create_batches(scene.clock.now())
    sizes = dict(scene.rows("SELECT batch_id, count(*) FROM ai_processing_request GROUP BY 1"))
    scene.clock.advance(timedelta(days=2))
    pipeline.check_statuses(scene.clock.now())
    pipeline.process_results(scene.clock.now())

    closed = scene.rows(
        """SELECT array_agg(id ORDER BY id) FROM ai_batch_request WHERE processed_at = :now
           GROUP BY CAST(xmin AS text) ORDER BY min(id)""",
        now=scene.clock.now(),
    )
    together = [sum(int(str(sizes[batch])) for batch in batches) for (batches,) in closed]
    assert len(together) > 3
    assert max(together) <= 12
    assert all(one + next_one > 12 for one, next_one in pairwise(together))


def test_batches_of_many_pages_and_sets_are_all_looked_at_and_processed(
    open_scene: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (paging, results):
        monkeypatch.setattr(place, "FIRST_PAGE", 2)
    monkeypatch.setattr(paging, "_LARGEST_PAGE", 3)
    monkeypatch.setattr(checking, "WEIGHT_OF_SET", 2 * checking.LIGHTEST)
    paged, whole = (open_scene(policy=Policy(requests_per_batch_max=3)) for _ in range(2))
    paged.drive("optimized", runs=3, step=timedelta(days=2))
    monkeypatch.undo()
    whole.drive("optimized", runs=3, step=timedelta(days=2))

    [(batches,)] = paged.rows("SELECT count(*) FROM ai_batch_request WHERE processed_at >= :at", at=EPOCH)
    assert int(str(batches)) > 9
    assert paged.unfinished() == []
    done, wanted = (scene.work_done("optimized").work for scene in (paged, whole))
    assert done.digest() == wanted.digest()


@pytest.mark.parametrize(
    ("batches", "requests", "following"),
    [
        (250, 250_000, 128),
        (250, 62_500, 400),
        (250, 2_500, 4_000),
        (250, 0, 4_000),
        (4_000, 20_000, 4_000),
        (0, 0, 128),
    ],
)
def test_the_next_page_has_as_many_batches_as_have_100_000_requests_by_those_of_the_last(
    batches: int, requests: int, following: int
) -> None:
    assert paging.next_page(batches, requests) == following


def test_open_batches_are_looked_up_once_however_many_there_are(open_scene: Open) -> None:
    """The document claims one query; by pages of 128 there were two from 200 companies on."""
    scene, asked = open_scene(), []
    scene.change(
        """INSERT INTO ai_batch_request (company_id, model, key, status, openai_batch_id, created_at)
           SELECT 1, 'm', n, 'IN_PROGRESS', 'batch_' || n, :now FROM generate_series(1, 300) AS n""",
        now=scene.clock.now(),
    )
    event.listen(scene.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    report = scene.pipeline("optimized").check_statuses(scene.clock.now())

    assert report.completed == 300
    assert sum("FROM ai_batch_request" in statement for statement in asked) == 1
