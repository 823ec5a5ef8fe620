"""The documented limits, their 429s and their headers."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from claimbench.loadgen.fake_openai.limits import DOCUMENTED


@pytest.fixture
def limited(open_api: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **limits: open_api(limits=dataclasses.replace(DOCUMENTED, **limits))


def test_the_limits_are_the_documented_ones() -> None:
    assert (DOCUMENTED.requests_per_batch, DOCUMENTED.bytes_per_batch_file) == (50_000, 200_000_000)
    assert (DOCUMENTED.batches_per_hour, DOCUMENTED.uploads_per_minute) == (2_000, 1_000)


def test_the_2001st_batch_of_an_hour_is_refused_until_the_hour_is_over(api: Any) -> None:
    statuses = [api.create("file-x").status for _ in range(2_001)]
    api.now += 3_600

    assert (statuses.count(200), statuses[-1]) == (2_000, 429)
    assert api.create("file-x").status == 200


def test_a_rate_limit_tells_what_is_left_and_when_to_come_back(limited: Callable[..., Any]) -> None:
    api = limited(batches_per_hour=1)
    api.create("file-x")
    api.now += 3_540.5
    refused = api.create("file-x")

    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert refused.headers["retry-after-ms"] == "59500"
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


def test_waits_are_told_in_the_callers_seconds_when_the_clock_runs_fast(limited: Callable[..., Any]) -> None:
    api = limited(batches_per_hour=1, clock_speed=3_600)
    api.create("file-x")

    assert api.create("file-x").headers["retry-after-ms"] == "1000"


def test_the_life_of_batch_files_can_be_set(limited: Callable[..., Any]) -> None:
    api = limited(batch_files_expire_s=100)
    file_id = api.upload(api.line()).json["id"]
    statuses = []
    for passed in (99, 1):
        api.now += passed
        statuses.append(api.call("GET", f"/files/{file_id}").status)

    assert statuses == [200, 404]


def test_uploads_are_limited_per_minute(limited: Callable[..., Any]) -> None:
    api = limited(uploads_per_minute=2)
    statuses = [api.upload(api.line()).status for _ in range(3)]
    api.now += 60

    assert statuses == [200, 200, 429]
    assert api.upload(api.line()).status == 200


def test_chat_completions_are_limited_per_minute_and_say_how_many_are_left(
    limited: Callable[..., Any],
) -> None:
    api = limited(chat_per_minute=2)
    replies = [api.call("POST", "/chat/completions", api.body(number)) for number in range(3)]

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[0].headers["x-ratelimit-limit-requests"] == "2"
    assert replies[0].headers["x-ratelimit-remaining-requests"] == "1"


def test_a_batch_file_above_the_size_limit_is_too_large(limited: Callable[..., Any]) -> None:
    api = limited(bytes_per_batch_file=500)
    reply = api.upload(api.line(0), api.line(1))

    assert (reply.status, reply.error["message"]) == (400, "File is too large.")
    assert reply.error["code"] is None


def test_enqueued_tokens_are_limited_per_model_and_freed_when_batches_end(
    limited: Callable[..., Any],
) -> None:
    api = limited(enqueued_tokens=50)
    first = api.batch_of(api.line(1))
    second = api.batch_of(api.line(2))
    other = api.batch_of(api.line(3, body=api.body(3, model="gpt-4o")))
    api.now += 400
    third = api.batch_of(api.line(4))
    api.now += 400
    ends = [api.retrieve(batch) for batch in (first, second, other, third)]

    assert [batch["status"] for batch in ends] == ["completed", "failed", "completed", "completed"]
    assert ends[1]["errors"]["data"][0]["code"] == "token_limit_exceeded"


def test_embedding_inputs_are_limited_over_the_whole_batch(limited: Callable[..., Any]) -> None:
    api = limited(embedding_inputs_per_batch=3)
    body = {"model": "text-embedding-3-small", "input": ["a", "b"]}
    lines = [api.line(number, url="/v1/embeddings", body=body) for number in range(2)]
    batch = api.create(api.upload(*lines).json["id"], endpoint="/v1/embeddings").json
    api.now += 10

    assert api.retrieve(batch)["status"] == "failed"


def test_fifty_thousand_lines_are_allowed_and_one_more_is_not(api: Any) -> None:
    lines = [api.line(number) for number in range(50_001)]
    allowed, refused = api.batch_of(*lines[:-1]), api.batch_of(*lines)
    api.now += 10

    assert api.retrieve(allowed)["status"] == "in_progress"
    assert api.retrieve(refused)["status"] == "failed"


def test_a_cancelled_batch_frees_its_tokens_when_it_has_wound_down(limited: Callable[..., Any]) -> None:
    api = limited(enqueued_tokens=50)
    first = api.batch_of(api.line(1))
    api.call("POST", f"/batches/{first['id']}/cancel")
    refused = api.batch_of(api.line(2))
    api.now += 61
    accepted = api.batch_of(api.line(3))
    api.now += 10

    assert api.retrieve(refused)["status"] == "failed"
    assert api.retrieve(accepted)["status"] == "in_progress"
