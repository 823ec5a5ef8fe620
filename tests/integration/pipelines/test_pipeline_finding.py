"""Finding a batch whose creation was not heard of: however many others the API has, few are looked at."""

import io
from collections.abc import Callable, Collection, Mapping

import pytest
from mutants.making import Twist
from pipeline_stand import STEP, Scene

from claimbench.impl.errors import ApiError
from claimbench.impl.ports import ApiBatch, BatchApi, batch_metadata
from claimbench.impl.resilience import ResilientBatchApi

Open = Callable[..., Scene]
LINE = (
    b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions",'
    b'"body":{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}]}}\n'
)
LOST = ApiError("the answer was lost", retryable=True)


class Unheard(Twist):
    """Creates, and the answer gets lost, as does what is asked right after; afterwards all is well."""

    def __init__(self, api: BatchApi, lost: int) -> None:
        super().__init__(api)
        self.lost, self.since = lost, list[int | None]()

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        made = self._api.create_batch(input_file_id, metadata)
        if self.lost:
            self.lost -= 1
            raise LOST
        return made

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        self.since.append(since)
        return self._api.find_batches(keys, since)


def crowd(scene: Scene, api: BatchApi, many: int) -> int:
    """So many batches, then an hour; the time of the last one, by the API's clock."""
    file_id = api.upload("a.jsonl", io.BytesIO(LINE))
    made = [api.create_batch(file_id, batch_metadata(f"old{n}", 1)) for n in range(many)][-1]
    scene.clock.advance(3 * STEP)
    return made.created_at or 0


@pytest.mark.parametrize(("key", "is_found"), [("new", True), ("none", False)])
@pytest.mark.parametrize(("is_bounded", "pages"), [(True, 1), (False, 3)])
def test_what_is_known_not_to_be_old_is_not_looked_for_among_the_old(
    open_scene: Open, key: str, pages: int, *, is_found: bool, is_bounded: bool
) -> None:
    scene = open_scene()
    last = crowd(scene, scene.api, 250)
    file_id = scene.api.upload("a.jsonl", io.BytesIO(LINE))
    new = scene.api.create_batch(file_id, batch_metadata("new", 1))
    since = (last + 3_600) if is_bounded else None

    assert scene.api.find_batches((key,), since).get(key) == (new if is_found else None)
    assert scene.fake.meters().calls["batches.list"] == (1 if is_found else pages)


def test_after_a_lost_answer_only_batches_since_the_last_known_one_are_looked_at(open_scene: Open) -> None:
    scene = open_scene()
    unheard = Unheard(scene.api, lost=0)
    api = ResilientBatchApi(unheard, sleep=lambda _: None)
    last = crowd(scene, api, 3)
    unheard.lost = 1

    found = api.create_batch(api.upload("a.jsonl", io.BytesIO(LINE)), batch_metadata("new", 1))

    assert ((found.metadata or {}).get("claimbench_key"), unheard.since) == ("new", [last])


def test_an_interrupted_batch_is_looked_for_since_the_newest_that_was_known_when_it_was_stored(
    open_scene: Open,
) -> None:
    scene = open_scene()
    scene.pipeline("optimized").run(scene.clock.now())
    newest = scene.rows("SELECT max(openai_created_at) FROM ai_batch_request")[0][0]
    scene.clock.advance(STEP)
    scene.change(
        """UPDATE ai_processing_request SET status = 'PENDING_BATCHING', batch_id = NULL, attempts = 0,
           completed_at = NULL, claimed_at = NULL WHERE attempts = 1"""
    )
    unheard = Unheard(scene.api, lost=100)
    pipeline = scene.pipeline("optimized", unheard)
    pipeline.create_batches(scene.clock.now())
    interrupted = scene.rows("SELECT id FROM ai_batch_request WHERE status = 'UPLOADING'")
    scene.clock.advance(STEP)
    unheard.lost = 0
    pipeline.create_batches(scene.clock.now())

    assert len(interrupted) > 0
    assert unheard.since == [newest]
    assert scene.rows("SELECT id FROM ai_batch_request WHERE status = 'UPLOADING'") == []
