"""What the official client may rely on, the same behind every adapter."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import openai
import pytest


def test_a_batch_goes_from_upload_to_results(stage: Any) -> None:
    ended = stage.ended(stage.batch_of(9).id)
    answered = stage.lines_of(ended.output_file_id)

    assert ended.status == "completed"
    assert ended.request_counts.total == 9
    assert len(answered) == ended.request_counts.completed
    assert all(line["response"]["status_code"] == 200 for line in answered)


def test_an_answer_has_the_json_keys_that_the_prompt_names(stage: Any) -> None:
    ended = stage.ended(stage.batch_of(5).id)
    body = stage.lines_of(ended.output_file_id)[0]["response"]["body"]
    answer = json.loads(body["choices"][0]["message"]["content"])

    assert list(answer) == ["sentiment", "category", "summary", "language"]
    assert answer["sentiment"] in ("POSITIVE", "NEUTRAL", "NEGATIVE")
    assert (
        body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    )


def test_every_line_ends_in_exactly_one_of_the_two_files(stage: Any) -> None:
    ended = stage.ended(stage.batch_of(60).id)
    answered, failed = stage.lines_of(ended.output_file_id), stage.lines_of(ended.error_file_id)
    ids = [line["custom_id"] for line in answered + failed]

    assert sorted(ids) == sorted(f"request-{number}" for number in range(60))
    assert (ended.request_counts.completed, ended.request_counts.failed) == (len(answered), len(failed))
    assert all(line["response"]["status_code"] >= 400 and line["error"] is None for line in failed)


def test_the_output_is_not_in_the_order_of_the_input(stage: Any) -> None:
    ended = stage.ended(stage.batch_of(60).id)
    ids = [line["custom_id"] for line in stage.lines_of(ended.output_file_id)]

    assert ids != sorted(ids, key=lambda name: int(name.rpartition("-")[2]))


def test_time_alone_moves_a_batch_through_its_states(stage: Any) -> None:
    batch = stage.batch_of(9)
    seen = [batch.status]
    for seconds in (4, 60, 400):
        stage.pass_time(seconds)
        seen.extend(stage.client.batches.retrieve(batch.id).status for _ in range(3))

    assert seen == ["validating"] + ["in_progress"] * 6 + ["completed"] * 3


def test_a_completed_batch_has_all_its_time_stamps_and_its_usage(stage: Any) -> None:
    ended = stage.ended(stage.batch_of(9).id)

    assert ended.in_progress_at == ended.created_at + 3
    assert ended.completed_at == ended.finalizing_at + 2
    assert ended.expires_at == ended.created_at + 86_400
    assert ended.usage.total_tokens == ended.usage.input_tokens + ended.usage.output_tokens > 0
    assert (ended.failed_at, ended.expired_at, ended.cancelled_at) == (None, None, None)


def test_a_cancelled_batch_keeps_what_was_done_and_names_the_rest(stage: Any) -> None:
    batch = stage.batch_of(60)
    stage.pass_time(70)
    cancelling = stage.client.batches.cancel(batch.id)
    ended = stage.ended(batch.id)
    answered, failed = stage.lines_of(ended.output_file_id), stage.lines_of(ended.error_file_id)
    unexecuted = [line for line in failed if line["response"] is None]

    assert (cancelling.status, ended.status) == ("cancelling", "cancelled")
    assert 0 < len(answered) < 60
    assert len(answered) + len(failed) == 60
    assert {line["error"]["code"] for line in unexecuted} == {"batch_cancelled"}


def test_cancelling_what_has_ended_is_a_conflict(stage: Any) -> None:
    ended = stage.ended(stage.batch_of(3).id)

    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        stage.client.batches.cancel(ended.id)


def test_cancelling_twice_is_allowed(stage: Any) -> None:
    batch = stage.batch_of(3)
    stage.client.batches.cancel(batch.id)
    stage.pass_time(400)

    assert stage.client.batches.cancel(batch.id).status == "cancelled"


def test_a_batch_with_bad_lines_fails_and_names_each(stage: Any) -> None:
    bad = stage.line(1).replace(b'"custom_id"', b'"custom"')
    batch = stage.create(stage.upload(stage.line(0), bad, b"{not json\n").id)
    ended = stage.ended(batch.id)

    assert (batch.status, ended.status) == ("validating", "failed")
    assert [(error.code, error.line) for error in ended.errors.data] == [
        ("missing_required_parameter", 2),
        ("invalid_json_line", 3),
    ]
    assert (ended.output_file_id, ended.error_file_id) == (None, None)


def test_a_missing_input_file_shows_only_after_the_batch_was_created(stage: Any) -> None:
    ended = stage.ended(stage.create("file-that-is-not-there").id)

    assert ended.status == "failed"
    assert ended.errors.data[0].code == "invalid_request"
    assert "Cannot find file" in ended.errors.data[0].message


def test_the_list_of_batches_is_paged_newest_first(stage: Any) -> None:
    file = stage.upload(stage.line(0))
    made = [stage.create(file.id).id for _ in range(5)]
    listed = stage.client.batches.list(limit=2)

    assert [batch.id for batch in listed] == made[::-1]


def test_metadata_comes_back_as_it_was_given(stage: Any) -> None:
    file = stage.upload(stage.line(0))
    batch = stage.create(file.id, metadata={"claimbench_key": "k-1"})

    assert stage.client.batches.retrieve(batch.id).metadata == {"claimbench_key": "k-1"}


def test_metadata_that_is_not_text_is_refused_at_creation(stage: Any) -> None:
    file = stage.upload(stage.line(0))

    with pytest.raises(openai.BadRequestError, match="expected a string, but got an array") as caught:
        stage.create(file.id, metadata={"tags": ["a"]})
    assert (caught.value.code, caught.value.param) == ("invalid_type", "metadata.tags")


def test_an_unknown_endpoint_is_refused_at_creation(stage: Any) -> None:
    file = stage.upload(stage.line(0))

    with pytest.raises(openai.BadRequestError, match="Invalid value: '/v1/invalid/endpoint'") as caught:
        stage.client.batches.create(
            input_file_id=file.id, endpoint="/v1/invalid/endpoint", completion_window="24h"
        )
    assert (caught.value.code, caught.value.param) == ("invalid_value", "endpoint")


def test_an_unknown_batch_is_not_found(stage: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="No batch found"):
        stage.client.batches.retrieve("batch_that_is_not_there")


def test_a_file_can_be_uploaded_seen_read_and_deleted(stage: Any) -> None:
    content = stage.line(0)
    file = stage.upload(content)
    seen = stage.client.files.retrieve(file.id)
    read = stage.client.files.content(file.id).content
    deleted = stage.client.files.delete(file.id)

    assert (seen.id, seen.bytes, seen.purpose, seen.filename) == (
        file.id,
        len(content),
        "batch",
        "requests.jsonl",
    )
    assert read == content
    assert deleted.deleted
    with pytest.raises(openai.NotFoundError):
        stage.client.files.retrieve(file.id)


def test_files_are_listed_by_purpose_and_order(stage: Any) -> None:
    batch = stage.ended(stage.batch_of(3).id)
    uploads = [stage.upload(stage.line(number)).id for number in (1, 2)]
    outputs = stage.client.files.list(purpose="batch_output")
    ascending = stage.client.files.list(order="asc", purpose="batch", limit=2)

    assert batch.output_file_id in [file.id for file in outputs]
    assert [file.id for file in ascending] == [batch.input_file_id, *uploads]


def test_a_batch_file_expires_after_thirty_days(stage: Any) -> None:
    file = stage.upload(stage.line(0))
    stage.pass_time(2_592_000)

    assert file.expires_at == file.created_at + 2_592_000
    with pytest.raises(openai.NotFoundError):
        stage.client.files.retrieve(file.id)


def test_output_files_expire_when_the_batch_said_so(stage: Any) -> None:
    file = stage.upload(*(stage.line(number) for number in range(9)))
    created = stage.create(file.id, output_expires_after={"anchor": "created_at", "seconds": 3_600})
    ended = stage.ended(created.id)
    output = stage.client.files.retrieve(ended.output_file_id)

    assert output.expires_at == output.created_at + 3_600


def test_a_chat_completion_answers_as_the_same_body_in_a_batch_would(stage: Any) -> None:
    line = stage.line(7, temperature=0.5)
    body = json.loads(line)["body"]
    alone = stage.client.chat.completions.create(**body)
    ended = stage.ended(stage.create(stage.upload(line).id).id)
    batched = stage.lines_of(ended.output_file_id or ended.error_file_id)[0]

    assert alone.choices[0].finish_reason == "stop"
    assert batched["custom_id"] == "request-7"
    assert alone.usage.prompt_tokens == batched["response"]["body"]["usage"]["prompt_tokens"]


def test_a_chat_completion_can_be_streamed(stage: Any) -> None:
    body = json.loads(stage.line(8))["body"]
    chunks = list(stage.client.chat.completions.create(**body, stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert "sentiment" in json.loads(said)


def test_a_chat_completion_without_messages_is_refused(stage: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        stage.client.chat.completions.create(model="gpt-4o-mini", messages=[])
    assert (caught.value.code, caught.value.param) == ("empty_array", "messages")


def test_a_model_that_nobody_has_is_not_found(stage: Any) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        stage.client.chat.completions.create(model="my-model", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.code == "model_not_found"


def test_json_mode_needs_the_word_json_in_the_messages(stage: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="must contain the word 'json'"):
        stage.client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "hi"}],
            response_format={"type": "json_object"},
        )


def test_only_jsonl_is_taken_for_a_batch(stage: Any) -> None:
    with pytest.raises(openai.BadRequestError, match=r"Must be \.jsonl"):
        stage.client.files.create(file=("requests.txt", stage.line(0)), purpose="batch")


def test_a_file_without_a_valid_line_is_refused_at_upload(stage: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="Invalid file format"):
        stage.client.files.create(file=("requests.jsonl", b"no json\nat all\n"), purpose="batch")


def test_a_file_that_is_not_utf8_is_refused_at_upload(stage: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="utf-8"):
        stage.client.files.create(file=("requests.jsonl", b'{"a": "\xff\xfe"}\n'), purpose="batch")


def test_every_answer_is_dated_once_by_the_apis_clock(stage: Any) -> None:
    made = stage.batch_of(1)
    stage.pass_time(400)

    told = stage.client.batches.with_raw_response.retrieve(made.id).headers.get_list("date")

    assert [parsedate_to_datetime(date).timestamp() for date in told] == [int(stage.now)]
