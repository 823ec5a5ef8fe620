"""Rows that break assumptions are processed or failed with their reason, and never stop the others."""

from collections.abc import Callable

import pytest
from pipeline_stand import STEP, Scene, faults

from claimbench.impl.lifecycle import NO_MESSAGES, TOO_LARGE
from claimbench.impl.ports import ApiBatch, BadLine, Policy
from claimbench.impl.statuses import BatchStatus
from claimbench.loadgen.fake_openai.faults import FaultKind

ARMS = pytest.mark.parametrize("arm", ["naive", "optimized", "integrated"])
Open = Callable[..., Scene]

SPOILED = {
    "contents that are NULL": "UPDATE message SET content = NULL WHERE session_id % 2 = 0",
    "contents of 200 kB": (  # one a session: several would be longer than the models' context
        "UPDATE message SET content = repeat('long ', 40000) WHERE session_id % 20 = 0 AND "
        "position = (SELECT min(position) FROM message AS other WHERE other.session_id = message.session_id)"
    ),
    "control characters": r"UPDATE message SET content = E'a\x01\x1f\x7f\r\n\t\"\\ \u2028\u0085' || content",
    "a model without a price": "UPDATE ai_processing_request SET model = 'gpt-4.1-nano' WHERE id % 3 = 0",
    "a company without sessions": (
        "INSERT INTO company (name, status, created_at) VALUES ('empty', 'ACTIVE', now())"
    ),
    "time stamps far in the future": (
        "UPDATE ai_processing_request SET requested_at = '2199-01-01' WHERE status = 'PENDING_BATCHING'"
    ),
    "time stamps far in the past": (
        "UPDATE ai_processing_request SET requested_at = '0001-01-01' WHERE status = 'PENDING_BATCHING'"
    ),
}


@ARMS
@pytest.mark.parametrize("spoiled", SPOILED)
def test_spoiled_rows_are_processed_like_the_others(open_scene: Open, spoiled: str, arm: str) -> None:
    scene = open_scene()
    scene.change(SPOILED[spoiled].replace(":", "\\:"))
    scene.drive(arm, runs=4)

    assert scene.unfinished() == []
    given_up = "SELECT error FROM ai_processing_request WHERE status = 'PROCESSING_ABANDONED'"
    assert {error for (error,) in scene.rows(given_up)} <= {None}
    assert scene.rows("SELECT id FROM ai_batch_request WHERE outcome = 'FAILED'") == []


@ARMS
def test_a_session_without_messages_is_given_up_with_its_reason(open_scene: Open, arm: str) -> None:
    scene = open_scene()
    scene.change("DELETE FROM message WHERE session_id % 4 = 0")
    scene.drive(arm, runs=4)

    silent = scene.rows(
        """SELECT DISTINCT r.status, r.error
           FROM ai_processing_request r JOIN session s ON s.id = r.session_id
           JOIN company c ON c.id = s.company_id
           WHERE r.session_id % 4 = 0 AND c.status = 'ACTIVE'
           AND r.requested_at > '2026-01-15 11:00'"""
    )
    assert silent == [("PROCESSING_ABANDONED", NO_MESSAGES)]
    assert scene.unfinished() == []


@ARMS
def test_a_line_that_no_batch_can_hold_is_given_up_and_the_others_go(open_scene: Open, arm: str) -> None:
    scene = open_scene(policy=Policy(bytes_per_batch_max=5_000))
    scene.change("UPDATE message SET content = repeat('x', 6000) WHERE session_id % 7 = 0 AND position = 0")
    scene.drive(arm, runs=4)

    errors = scene.rows(
        "SELECT DISTINCT error, attempts FROM ai_processing_request WHERE status = 'PROCESSING_ABANDONED'"
    )
    assert errors == [(TOO_LARGE, 0)]
    assert scene.unfinished() == []
    assert scene.rows("SELECT id FROM ai_batch_request b WHERE openai_batch_id IS NULL AND id > 100") == []


@ARMS
def test_a_model_that_the_api_does_not_have_fails_its_own_requests_for_good(
    open_scene: Open, arm: str
) -> None:
    scene = open_scene()
    scene.change("UPDATE ai_processing_request SET model = 'model-of-tomorrow' WHERE id % 5 = 0")
    scene.drive(arm, runs=6)

    [(reasons,)] = scene.rows(
        """SELECT count(*) FROM ai_processing_request WHERE status = 'PROCESSING_ABANDONED'
           AND model = 'model-of-tomorrow' AND error LIKE 'model_not_found: %'"""
    )
    assert int(str(reasons)) > 5
    assert scene.unfinished() == []


class BadSecondLine:
    """An API that fails every batch of its first day for its second line."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def __getattr__(self, name: str) -> Callable[..., object]:
        return getattr(self._scene.api, name)  # type: ignore[no-any-return]  # a call of the API

    def retrieve(self, batch_id: str) -> ApiBatch:
        bad = (BadLine(2, "invalid_request: the second line"),)
        return ApiBatch(batch_id, BatchStatus.FAILED, "file", errors=(bad[0].reason,), bad_lines=bad)


@ARMS
def test_a_batch_that_fails_for_one_bad_line_loses_only_that_request(open_scene: Open, arm: str) -> None:
    scene = open_scene()
    pipeline = scene.pipeline(arm, BadSecondLine(scene))  # type: ignore[arg-type]  # it has every call
    pipeline.create_batches(scene.clock.now())
    seconds = [
        ids[1]
        for (ids,) in scene.rows(
            """SELECT array_agg(id ORDER BY requested_at, id) FROM ai_processing_request
               WHERE status = 'BATCHING_IN_PROGRESS' GROUP BY batch_id HAVING count(*) > 1"""
        )
    ]  # type: ignore[index]  # an array
    pipeline.check_statuses(scene.clock.now())
    pipeline.process_results(scene.clock.now())

    lost = scene.rows(
        """SELECT id FROM ai_processing_request WHERE status = 'PROCESSING_ABANDONED'
           AND error = 'invalid_request: the second line' ORDER BY id"""
    )
    others = scene.rows(
        """SELECT DISTINCT attempts FROM ai_processing_request
           WHERE status = 'PENDING_BATCHING' AND error = 'invalid_request: the second line'"""
    )
    assert [request_id for (request_id,) in lost] == sorted(seconds)
    assert others == [(0,)]


@ARMS
def test_at_most_ten_failed_requests_of_a_company_are_retried_in_a_run(open_scene: Open, arm: str) -> None:
    scene = open_scene()
    scene.change(
        "UPDATE ai_processing_request SET status = 'PROCESSING_FAILED', attempts = 1, batch_id = NULL"
    )
    report = scene.pipeline(arm).retry_failed(scene.clock.now())

    assert report.claimed == 30


@ARMS
def test_tokens_and_costs_of_all_attempts_add_up(open_scene: Open, arm: str) -> None:
    scene = open_scene(injected=faults(FaultKind.ANSWER_NOT_JSON))
    pipeline = scene.pipeline(arm)
    pipeline.create_batches(scene.clock.now())
    scene.clock.advance(STEP)
    pipeline.check_statuses(scene.clock.now())
    pipeline.process_results(scene.clock.now())
    once = scene.rows("SELECT sum(prompt_tokens) FROM ai_processing_request WHERE attempts = 1")
    pipeline.retry_failed(scene.clock.now())

    again = scene.rows("SELECT sum(prompt_tokens) FROM ai_processing_request WHERE attempts IN (1, 2)")
    assert int(str(once[0][0])) < int(str(again[0][0])) <= 2 * int(str(once[0][0])) + 10_000
