"""At its quota the API takes no more: then nothing waits, nothing is looked for, and all is sent in turn."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import BinaryIO

import pytest
from pipeline_stand import ARMS, STEP, Scene, faults
from sqlalchemy import text

from claimbench.impl.errors import ApiError
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import ApiBatch, PipelineContext, Policy
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.limits import ROOMY

Open = Callable[..., Scene]
TWO_UPLOADS = replace(ROOMY, uploads_per_minute=2)
ONE_BY_ONE = Policy(requests_per_batch_max=5, concurrent_companies=1)


@pytest.mark.parametrize("arm", ["naive", "optimized"])
def test_what_a_quota_kept_from_being_sent_is_sent_later_without_a_look_up(
    open_scene: Open, arm: str
) -> None:
    scene = open_scene(limits=TWO_UPLOADS, policy=ONE_BY_ONE)
    report = scene.pipeline(arm).create_batches(scene.clock.now())
    sent = scene.fake.meters().calls["batches.create"]
    scene.drive(arm, runs=30)

    assert sent == 2
    assert report.failed > 0
    assert scene.fake.meters().calls.get("batches.list", 0) == 0
    assert scene.fake.meters().duplicates == 0
    assert scene.unfinished() == []


def test_no_more_is_claimed_after_the_quota_than_the_chunks_under_way(
    open_scene: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claimbench.impl.optimized.planning.REQUESTS_AT_A_TIME", 1)
    scene = open_scene(limits=TWO_UPLOADS, policy=ONE_BY_ONE)
    scene.pipeline("optimized").create_batches(scene.clock.now())

    [(cut,)] = scene.rows("SELECT count(*) FROM ai_batch_request WHERE status = 'UPLOADING'")
    [(left,)] = scene.rows(
        "SELECT count(*) FROM ai_processing_request WHERE status = 'PENDING_BATCHING'"
        " AND requested_at < '2026-01-15 11:30'"
    )
    assert cut == 1
    assert int(str(left)) > 0


ALL_FAILED = """UPDATE ai_processing_request SET status = 'PROCESSING_FAILED', attempts = 1, error = 'oops'
    WHERE status = 'PENDING_BATCHING'"""
CHAT = "chat.completions.create"


@pytest.mark.parametrize("arm", ["naive", "optimized"])
def test_rate_limits_between_answers_hold_no_other_retry_back(open_scene: Open, arm: str) -> None:
    """The fifth of a stage did: which of a thousand were retried then hung on which thread was first."""
    limited = tuple(range(1, 16, 2))
    injected = faults(FaultKind.RATE_LIMIT, on=CHAT, nth=limited)
    scene = open_scene(injected=injected, policy=Policy(concurrent_companies=1))
    scene.change(ALL_FAILED)
    report = scene.pipeline(arm).retry_failed(scene.clock.now())

    assert report.claimed > max(limited)
    assert report.failed == len(limited)
    assert report.completed == report.claimed - len(limited)


@pytest.mark.parametrize("arm", ["naive", "optimized"])
def test_five_rate_limits_in_a_row_end_the_retries_of_a_run(open_scene: Open, arm: str) -> None:
    injected = faults(FaultKind.RATE_LIMIT, on=CHAT, from_nth=4)
    scene = open_scene(injected=injected, policy=Policy(concurrent_companies=1))
    scene.change(ALL_FAILED)
    report = scene.pipeline(arm).retry_failed(scene.clock.now())

    assert scene.fake.meters().calls[CHAT] == 3 + 5
    assert report.completed == 3


class Watched:
    """An API at whose calls somebody looks at the server's sessions."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self.in_transaction = scene, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._scene.api, name)

    def upload(self, filename: str, lines: BinaryIO) -> str:
        self._look()
        return self._scene.api.upload(filename, lines)

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        self._look()
        return self._scene.api.create_batch(input_file_id, metadata)

    def _look(self) -> None:
        with self._scene.engine.connect() as connection:
            open_ones = connection.execute(
                text(
                    """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
                       AND backend_type = 'client backend'"""
                )
            ).scalar_one()
        self.in_transaction = max(self.in_transaction, open_ones)


def test_no_transaction_is_open_while_the_api_answers(open_scene: Open) -> None:
    scene = open_scene(policy=ONE_BY_ONE)
    watched = Watched(scene)
    context = PipelineContext(scene.engine, watched, scene.policy, scene.events.append)  # type: ignore[arg-type]
    report = ARMS["optimized"](context).create_batches(scene.clock.now())

    assert report.created > 0
    assert watched.in_transaction == 0


def test_every_companys_first_batch_is_stored_before_any_companys_second_one(open_scene: Open) -> None:
    scene = open_scene(policy=ONE_BY_ONE)
    scene.change("UPDATE ai_processing_request SET model = 'gpt-4o-mini' WHERE status = 'PENDING_BATCHING'")
    [(before,)] = scene.rows("SELECT coalesce(max(id), 0) FROM ai_batch_request")
    scene.pipeline("optimized").create_batches(scene.clock.now())
    stored = [
        company
        for (company,) in scene.rows(
            "SELECT company_id FROM ai_batch_request WHERE id > :before ORDER BY id", before=before
        )
    ]

    companies = set(stored)
    assert len(companies) > 1
    assert set(stored[: len(companies)]) == companies


def test_what_runs_left_is_looked_for_by_one_listing(open_scene: Open) -> None:
    scene = open_scene(policy=ONE_BY_ONE)
    pipeline = scene.pipeline("optimized")
    pipeline.create_batches(scene.clock.now())
    scene.change(
        "UPDATE ai_batch_request SET status = 'UPLOADING', openai_batch_id = NULL WHERE status = 'VALIDATING'"
    )
    scene.clock.advance(STEP)
    pipeline.create_batches(scene.clock.now())

    [(left,)] = scene.rows("SELECT count(*) FROM ai_batch_request WHERE status = 'UPLOADING'")
    assert scene.fake.meters().calls["batches.list"] == 1
    assert left == 0


def test_an_api_over_a_client_that_repeats_by_itself_repeats_nothing(open_scene: Open) -> None:
    scene = open_scene(limits=replace(ROOMY, uploads_per_minute=1))
    api = scene.api
    assert isinstance(api, OpenAIBatchApi)
    again = OpenAIBatchApi(api._client.with_options(max_retries=2))
    again.upload("a.jsonl", io.BytesIO(b"{}\n"))
    with pytest.raises(ApiError, match="rate_limit"):
        again.upload("a.jsonl", io.BytesIO(b"{}\n"))

    assert scene.fake.meters().calls["files.create"] == 2
