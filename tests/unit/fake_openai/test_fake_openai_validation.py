"""The three levels of errors: at the call, of the batch, of the line."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from claimbench.loadgen.fake_openai.limits import DOCUMENTED

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


def problems(api: Any, *lines: bytes, **order: Any) -> list[Any]:
    batch = api.create(api.upload(*lines).json["id"], **order).json
    api.now += 10
    failed = api.retrieve(batch)

    assert failed["status"] == "failed"
    assert failed["failed_at"] == failed["created_at"] + 3
    return list(failed["errors"]["data"])


@pytest.mark.parametrize(
    ("changes", "code", "param", "message"),
    [
        (
            {"custom_id": ...},
            "missing_required_parameter",
            "custom_id",
            "Missing required parameter: 'custom_id'.",
        ),
        ({"method": ...}, "missing_required_parameter", "method", "Missing required parameter: 'method'."),
        ({"url": ...}, "missing_required_parameter", "url", "Missing required parameter: 'url'."),
        ({"body": ...}, "missing_required_parameter", "body", "Missing required parameter: 'body'."),
        ({"custom_id": 7}, "invalid_type", "custom_id", "expected a string, but got an integer"),
        ({"method": "GET"}, "invalid_value", "method", "'POST'"),
        ({"url": "/v1/embeddings", "body": {**BODY, "input": "x"}}, "invalid_url", "url", "does not match"),
        ({"url": "/v1/nothing"}, "invalid_url", "url", "does not match"),
        ({"body": {"messages": []}}, "invalid_request", "body.model", "Model parameter is required."),
        (
            {"body": {"model": "gpt-4o"}},
            "invalid_request",
            "body.messages",
            "Messages parameter is required.",
        ),
        ({"body": [1]}, "invalid_type", "body", "expected an object, but got an array"),
        (
            {"body": {**BODY, "model": "llama-3"}},
            "model_not_found",
            "body.model",
            "The provided model 'llama-3' is not supported by the Batch API.",
        ),
        (
            {"body": {**BODY, "stream": True}},
            "streaming_unsupported",
            "body.stream",
            "Chat Completions: Streaming is not supported in the Batch API.",
        ),
    ],
)
def test_a_line_that_breaks_a_rule_fails_the_batch_and_is_named(
    api: Any, changes: dict[str, Any], code: str, param: str, message: str
) -> None:
    (problem,) = problems(api, api.line(1), api.line(2, **changes))

    assert (problem["code"], problem["param"], problem["line"]) == (code, param, 2)
    assert message in problem["message"]


def test_a_line_that_is_no_json_is_named_with_its_number(api: Any) -> None:
    (problem,) = problems(api, api.line(1), b"\n", b"{oops\n", api.line(2))

    assert problem == {
        "code": "invalid_json_line",
        "message": "This line is not parseable as valid JSON.",
        "param": None,
        "line": 3,
    }


def test_a_line_that_is_json_but_no_object_is_an_invalid_request(api: Any) -> None:
    (problem,) = problems(api, api.line(1), b"[1]\n")

    assert problem["code"] == "invalid_request"


def test_a_custom_id_must_be_unique_in_its_batch(api: Any) -> None:
    (problem,) = problems(api, api.line(1), api.line(1))

    assert (problem["code"], problem["line"]) == ("duplicate_custom_id", 2)
    assert "The custom_id 'request-1' for this request is a duplicate" in problem["message"]


def test_all_lines_must_name_the_same_model(api: Any) -> None:
    (problem,) = problems(api, api.line(1), api.line(2, body={**BODY, "model": "gpt-4o"}))

    assert (problem["code"], problem["param"]) == ("mismatched_model", "body.model")


def test_every_bad_line_has_an_entry(api: Any) -> None:
    found = problems(api, *(b"{oops\n" for _ in range(300)), api.line(1))

    assert [problem["line"] for problem in found] == list(range(1, 301))


def test_a_batch_of_another_endpoint_than_its_lines_fails_at_every_line(api: Any) -> None:
    found = problems(api, api.line(1), api.line(2), endpoint="/v1/responses")

    assert [(problem["code"], problem["line"]) for problem in found] == [
        ("invalid_url", 1),
        ("invalid_url", 2),
    ]


def test_a_file_of_another_purpose_cannot_be_batched(api: Any) -> None:
    file = api.upload(b"{}", purpose="fine-tune").json
    batch = api.create(file["id"]).json
    api.now += 10

    assert api.retrieve(batch)["errors"]["data"][0]["param"] == "file_id"


def test_more_lines_than_the_limit_fail_the_batch(open_api: Callable[..., Any]) -> None:
    api = open_api(limits=dataclasses.replace(DOCUMENTED, requests_per_batch=3))
    (problem,) = problems(api, *(api.line(number) for number in range(4)))

    assert problem["code"] == "too_many_tasks"


def test_a_failed_batch_has_no_files_and_counts_nothing(api: Any) -> None:
    failed = api.ended(b"{oops\n", api.line(1))

    assert (failed["output_file_id"], failed["error_file_id"]) == (None, None)
    assert failed["request_counts"] == {"total": 0, "completed": 0, "failed": 0}


@pytest.mark.parametrize(
    ("order", "param", "code"),
    [
        ({"input_file_id": ...}, "input_file_id", "missing_required_parameter"),
        ({"endpoint": ...}, "endpoint", "missing_required_parameter"),
        ({"completion_window": ...}, "completion_window", "missing_required_parameter"),
        ({"completion_window": "48h"}, "completion_window", "invalid_value"),
        ({"input_file_id": 3}, "input_file_id", "invalid_type"),
        ({"metadata": "x"}, "metadata", "invalid_type"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "object_above_max_properties"),
        ({"metadata": {"k": "x" * 513}}, "metadata.k", "string_above_max_length"),
        ({"metadata": {"k" * 65: "x"}}, "metadata." + "k" * 64, "string_above_max_length"),
        ({"output_expires_after": 1}, "output_expires_after", "invalid_type"),
        ({"output_expires_after": {"anchor": "x"}}, "output_expires_after.anchor", "invalid_value"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 3_599}},
            "output_expires_after.seconds",
            "invalid_value",
        ),
        ({"window": "24h"}, "window", "unknown_parameter"),
    ],
)
def test_a_wrong_parameter_of_a_new_batch_is_refused_at_once(
    api: Any, order: dict[str, Any], param: str, code: str
) -> None:
    reply = api.create(api.upload(api.line()).json["id"], **order)

    assert reply.status == 400
    assert (reply.error["type"], reply.error["param"], reply.error["code"]) == (
        "invalid_request_error",
        param,
        code,
    )


def test_metadata_may_be_as_large_as_the_limits_say(api: Any) -> None:
    metadata = {f"{number:02}" + "k" * 62: "v" * 512 for number in range(16)}

    assert api.create("file-x", metadata=metadata).json["metadata"] == metadata


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "boss", "content": "hi"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type"),
        ({"temperature": 3}, "temperature", "integer_above_max_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"top_p": "high"}, "top_p", "invalid_type"),
        ({"messages": [{"role": "user", "content": "x" * 4_200_000}]}, "messages", "context_length_exceeded"),
    ],
)
def test_a_body_that_the_model_cannot_take_is_a_failed_line_of_a_completed_batch(
    api: Any, changes: dict[str, Any], param: str, code: str
) -> None:
    alone = api.call("POST", "/chat/completions", {**BODY, **changes})
    ended = api.ended(api.line(1, body=BODY), api.line(2, body={**BODY, **changes}))
    (failed,) = api.content(ended["error_file_id"]).lines

    assert ended["status"] == "completed"
    assert (alone.status, failed["response"]["status_code"]) == (400, 400)
    assert (alone.error["param"], alone.error["code"]) == (param, code)
    assert failed["response"]["body"]["error"] == alone.error
    assert failed["error"] is None


def test_a_batch_of_which_all_lines_fail_is_completed_without_an_output_file(api: Any) -> None:
    bad = {**BODY, "temperature": 9}
    ended = api.ended(*(api.line(number, body=bad) for number in range(9)))

    assert (ended["status"], ended["output_file_id"]) == ("completed", None)
    assert ended["error_file_id"]
    assert ended["request_counts"] == {"total": 9, "completed": 0, "failed": 9}


@pytest.mark.parametrize("key", ["", "Basic abc", "Bearer", "Bearer  "])
def test_a_call_without_a_bearer_key_is_unauthorized(api: Any, key: str) -> None:
    reply = api.call("GET", "/files", authorization=key)

    assert reply.status == 401
    assert "You didn't provide an API key" in reply.error["message"]


def test_another_key_than_the_set_one_is_refused_and_not_repeated(open_api: Callable[..., Any]) -> None:
    api = open_api(api_key="right")
    reply = api.call("GET", "/files", authorization="Bearer sk-wrong-and-secret-0000")

    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    assert "secret" not in reply.error["message"]
    assert api.call("GET", "/files", authorization="Bearer right").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/files/", 404),
        ("PUT", "/files", 405),
        ("GET", "/chat/completions", 405),
        ("POST", "/batches/batch_x", 405),
    ],
)
def test_what_is_not_there_is_refused_in_the_shape_of_the_api(
    api: Any, method: str, path: str, status: int
) -> None:
    reply = api.call(method, path)

    assert reply.status == status
    assert set(reply.error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "1.5", "", "９"])
def test_a_page_size_out_of_range_is_refused(api: Any, limit: str) -> None:
    assert api.call("GET", f"/batches?limit={limit}").error["param"] == "limit"


def test_a_cursor_that_points_nowhere_is_refused(api: Any) -> None:
    assert api.call("GET", "/batches?after=batch_x").error["param"] == "after"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "nonsense"}, "purpose"),
        ({"purpose": ""}, "purpose"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"}, "expires_after.seconds"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "soon"}, "expires_after.seconds"),
        ({"expires_after[seconds]": "7200"}, "expires_after.anchor"),
    ],
)
def test_a_wrong_field_of_an_upload_is_refused(api: Any, fields: dict[str, str], param: str) -> None:
    reply = api.upload(api.line(), **fields)

    assert (reply.status, reply.error["param"]) == (400, param)


def test_an_upload_may_say_when_it_expires(api: Any) -> None:
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "7200"}
    file = api.upload(api.line(), **fields).json

    assert file["expires_at"] == file["created_at"] + 7_200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"--B",
        b"--B\r\nno colon\r\n\r\n",
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{}',
        b"--other\r\n",
        json.dumps({"purpose": "batch"}).encode(),
    ],
)
def test_a_broken_multipart_body_is_refused(api: Any, raw: bytes) -> None:
    reply = api.call("POST", "/files", raw, **{"content-type": "multipart/form-data; boundary=B"})

    assert reply.status == 400
