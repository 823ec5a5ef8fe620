"""What foreign clients found wrong with the fake, with the value that the real API has (docs/field.md)."""

from collections.abc import Callable
from typing import Any

import pytest

from claimbench.loadgen.fake_openai.limits import Limits

DAY = 86_400


def ten(api: Any) -> list[bytes]:
    return [api.line(number) for number in range(10)]


def test_a_cancelled_batch_does_not_count_what_never_ran_as_failed(api: Any) -> None:
    batch = api.batch_of(*ten(api))
    api.now += 70
    told = api.call("POST", f"/batches/{batch['id']}/cancel").json["request_counts"]
    api.now += 600
    ended = api.retrieve(batch)
    counts = ended["request_counts"]

    assert ended["status"] == "cancelled"
    assert counts["total"] == 10
    assert 0 < counts["completed"] < 10
    assert counts["failed"] == told["failed"] == 0
    assert len(api.content(ended["output_file_id"]).lines) == counts["completed"]
    assert len(api.content(ended["error_file_id"]).lines) == 10 - counts["completed"]


def test_an_expired_batch_counts_one_of_ten_as_completed_and_none_as_failed(
    open_api: Callable[..., Any],
) -> None:
    api = open_api(faults='[[fault]]\nkind = "expire"\nshare = 0.1\n')
    ended = api.ended(*ten(api), after=DAY)

    assert ended["request_counts"] == {"total": 10, "completed": 1, "failed": 0}


def test_real_failures_of_a_stopped_batch_are_still_counted(open_api: Callable[..., Any]) -> None:
    api = open_api(
        faults='[[fault]]\nkind = "expire"\nshare = 0.5\n[[fault]]\nkind = "line_error"\nstatus = 400\n'
    )
    ended = api.ended(*ten(api), after=DAY)

    assert ended["request_counts"] == {"total": 10, "completed": 0, "failed": 5}


@pytest.mark.parametrize("slower_by", [86_400, 90_000, 10_000_000])
def test_a_slow_batch_expires_with_its_window_and_keeps_what_was_done(
    open_api: Callable[..., Any], slower_by: float
) -> None:
    api = open_api(faults=f'[[fault]]\nkind = "slow_batch"\nseconds = {slower_by}\n')
    batch = api.batch_of(*ten(api))
    api.now += DAY - 1
    before = api.retrieve(batch)
    api.now += 1
    ended = api.retrieve(batch)
    done = int(10 * DAY / slower_by) if slower_by > 10 * DAY else 9

    assert (before["status"], ended["status"]) == ("in_progress", "expired")
    assert ended["expired_at"] == ended["expires_at"] == ended["created_at"] + DAY
    assert ended["request_counts"] == {"total": 10, "completed": done, "failed": 0}
    assert len(api.results(ended)) == 10


def test_a_batch_that_is_cancelled_at_the_last_moment_does_not_outlive_its_window(
    open_api: Callable[..., Any],
) -> None:
    api = open_api(faults='[[fault]]\nkind = "slow_batch"\nseconds = 90000\n')
    batch = api.batch_of(*ten(api))
    api.now += DAY - 1
    api.call("POST", f"/batches/{batch['id']}/cancel")
    api.now += 1
    ended = api.retrieve(batch)

    assert (ended["status"], ended["cancelled_at"]) == ("cancelled", ended["expires_at"])


@pytest.mark.parametrize("filename", ["upload", "requests", "my.jsonl", "MY.JSONL"])
def test_an_upload_of_bytes_is_taken_for_a_batch(api: Any, filename: str) -> None:
    reply = api.upload(api.line(), filename=filename)

    assert (reply.status, reply.json["filename"]) == (200, filename)


def test_an_upload_without_any_name_is_taken_for_a_batch(api: Any) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    file = b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + api.line() + b"\r\n--B--\r\n"
    reply = api.call("POST", "/files", head + file, **{"content-type": "multipart/form-data; boundary=B"})

    assert reply.status == 200
    assert api.create(reply.json["id"]).status == 200


@pytest.mark.parametrize("filename", ["a.json", "a.txt", "upload.csv", "a.jsonl.gz"])
def test_a_wrong_extension_is_still_refused(api: Any, filename: str) -> None:
    assert api.upload(api.line(), filename=filename).status == 400


def test_another_salt_makes_other_identifiers_and_the_same_answers(open_api: Callable[..., Any]) -> None:
    desks = [open_api(salt=salt) for salt in ("one", "other")]
    ended = [api.ended(api.line()) for api in desks]
    results = [api.results(batch)[0] for api, batch in zip(desks, ended, strict=True)]

    for name in ("id", "input_file_id", "output_file_id"):
        assert ended[0][name] != ended[1][name]
    assert results[0]["id"] != results[1]["id"]
    assert results[0]["response"]["body"] == results[1]["response"]["body"]


def test_a_fast_model_works_on_real_dates(open_api: Callable[..., Any]) -> None:

    api = open_api(limits=Limits(model_speed=3_600))
    batch = api.batch_of(*ten(api))
    api.now += 1
    ended = api.retrieve(batch)

    assert (batch["status"], ended["status"]) == ("validating", "completed")
    assert ended["completed_at"] - ended["created_at"] <= 1
    assert ended["expires_at"] == ended["created_at"] + DAY
