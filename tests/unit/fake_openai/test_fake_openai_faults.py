"""Each fault does what docs/faults.md says: the examples that it shows are the ones that are run here."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.faults import FaultKind, load_faults, parse_faults
from claimbench.loadgen.fake_openai.wire import Loss

DOCS = Path(__file__).parents[3] / "docs"
SECTION = re.compile(r"^### `(\w+)`\n(.*?)```toml\n(.*?)```", re.MULTILINE | re.DOTALL)
EXAMPLES = {name: toml for name, _, toml in SECTION.findall((DOCS / "faults.md").read_text())}


@pytest.fixture
def with_example(open_api: Callable[..., Any]) -> Callable[[str], Any]:
    """A api whose fake has the fault that the documentation shows under this name."""
    return lambda name: open_api(faults=EXAMPLES[name])


def ten(api: Any) -> list[bytes]:
    return [api.line(number) for number in range(10)]


def test_every_fault_has_an_example_of_its_own_kind() -> None:
    kinds = {name: parse_faults(toml, name).fault[0].kind for name, toml in EXAMPLES.items()}

    assert kinds == {str(kind): kind for kind in FaultKind}


def test_every_fault_has_a_test_that_runs_its_example() -> None:
    run = re.findall(r'with_example\("(\w+)"\)', Path(__file__).read_text())

    assert set(run) == set(FaultKind)


def test_a_server_error_befalls_the_nth_call_of_that_name_only(with_example: Callable[[str], Any]) -> None:
    api = with_example("server_error")
    batch = api.batch_of(*ten(api))
    statuses = [api.call("GET", f"/batches/{batch['id']}").status for _ in range(3)]

    assert statuses == [503, 200, 200]


def test_a_rate_limit_tells_how_long_to_wait(with_example: Callable[[str], Any]) -> None:
    api = with_example("rate_limit")
    reply = api.upload(api.line())

    assert (reply.status, reply.error["code"]) == (429, "rate_limit_exceeded")
    assert (reply.headers["retry-after"], reply.headers["retry-after-ms"]) == ("2", "1500")


def test_a_rate_limit_can_keep_silent_about_the_wait(open_api: Callable[..., Any]) -> None:
    api = open_api(faults='[[fault]]\nkind = "rate_limit"')

    assert "retry-after" not in api.upload(api.line()).headers


def made_and_listed(api: Any) -> list[Any]:
    """Create one batch: how the response travels, and how many batches there are then."""
    delivery = api.create(api.upload(api.line()).json["id"]).response.delivery
    return [delivery.loss, delivery.delay_s, len(api.call("GET", "/batches").json["data"])]


def test_a_time_out_before_the_effect_leaves_nothing(with_example: Callable[[str], Any]) -> None:
    assert made_and_listed(with_example("timeout_before")) == [Loss.TIMEOUT, 30, 0]


def test_a_time_out_after_the_effect_leaves_the_batch(with_example: Callable[[str], Any]) -> None:
    assert made_and_listed(with_example("timeout_after")) == [Loss.TIMEOUT, 30, 1]


def test_a_reset_before_the_effect_leaves_nothing(with_example: Callable[[str], Any]) -> None:
    assert made_and_listed(with_example("reset_before")) == [Loss.RESET, 0, 0]


def test_a_ghost_create_leaves_a_batch_that_its_creator_does_not_know(
    with_example: Callable[[str], Any],
) -> None:
    assert made_and_listed(with_example("reset_after")) == [Loss.RESET, 0, 1]


def test_a_slow_body_waits_before_each_piece(with_example: Callable[[str], Any]) -> None:
    api = with_example("slow_body")
    file = api.upload(api.line()).json

    assert api.content(file["id"]).response.delivery.chunk_delay_s == 0.05


def test_a_truncated_download_sends_a_share_of_the_content(with_example: Callable[[str], Any]) -> None:
    api = with_example("truncated_download")
    file = api.upload(api.line()).json
    shares = [api.content(file["id"]).response.delivery.sent_share for _ in range(2)]

    assert shares == [0.5, 1.0]


def test_a_bad_gateway_answers_a_download_with_a_page_of_html(with_example: Callable[[str], Any]) -> None:
    api = with_example("content_bad_gateway")
    file = api.upload(api.line()).json
    first, second = api.content(file["id"]), api.content(file["id"])

    assert (first.status, first.headers["content-type"], second.status) == (502, "text/html", 200)


def test_a_file_can_be_missing_right_after_its_upload(with_example: Callable[[str], Any]) -> None:
    api = with_example("file_not_found_after_upload")
    file = api.upload(api.line()).json
    batch = api.create(file["id"]).json
    statuses = [api.call("GET", f"/files/{file['id']}").status]
    api.now += 5
    statuses.append(api.call("GET", f"/files/{file['id']}").status)

    assert statuses == [404, 200]
    assert api.retrieve(batch)["status"] == "failed"


def test_a_spent_budget_hides_the_file_from_the_batch_only(with_example: Callable[[str], Any]) -> None:
    api = with_example("spend_cap")
    file = api.upload(api.line()).json
    batches = [api.create(file["id"]).json for _ in range(3)]
    api.now += 400
    ended = [api.retrieve(batch) for batch in batches]

    assert api.call("GET", f"/files/{file['id']}").status == 200
    assert [batch["status"] for batch in ended] == ["completed", "failed", "failed"]
    assert ended[1]["errors"]["data"][0]["message"].startswith(f"Cannot find file {file['id']}")


def test_a_file_may_be_hidden_from_batches_only(open_api: Callable[..., Any]) -> None:
    api = open_api(faults='[[fault]]\nkind = "file_not_found_after_upload"\nseconds = 600000\n')
    file = api.upload(api.line()).json
    batch = api.create(file["id"]).json
    api.now += 400

    assert api.call("GET", f"/files/{file['id']}").status == 200
    assert api.retrieve(batch)["status"] == "failed"


def test_a_short_body_tells_its_true_length(with_example: Callable[[str], Any]) -> None:
    api = with_example("short_body")
    ended = api.ended(*ten(api))
    whole = api.call("GET", f"/files/{ended['output_file_id']}").json["bytes"]
    reply = api.content(ended["output_file_id"])

    assert reply.response.content_length == len(reply.content) == whole // 2
    assert reply.response.delivery.sent_share == 1


@pytest.mark.parametrize(
    ("fault", "call"),
    [
        ('kind = "server_error"\nstatus = 500', ("GET", "/batches")),
        ('kind = "rate_limit"', ("GET", "/batches")),
        ('kind = "line_error"\nstatus = 400', ("POST", "/chat/completions")),
    ],
)
def test_a_fault_may_have_words_of_its_own(
    open_api: Callable[..., Any], fault: str, call: tuple[str, str]
) -> None:
    api = open_api(faults=f'[[fault]]\n{fault}\nmessage = "Not today."\n')

    assert api.call(*call, api.body()).error["message"] == "Not today."


@pytest.mark.parametrize("kind", ["validation_failure", "token_limit", "spend_cap"])
def test_a_failed_batch_may_have_words_of_its_own(open_api: Callable[..., Any], kind: str) -> None:
    api = open_api(faults=f'[[fault]]\nkind = "{kind}"\nmessage = "Not today."\n')

    assert api.ended(api.line())["errors"]["data"][0]["message"] == "Not today."


def test_a_fault_may_befall_everything_from_the_nth_on(open_api: Callable[..., Any]) -> None:
    api = open_api(faults='[[fault]]\nkind = "server_error"\non = "batches.list"\nfrom_nth = 3\n')

    assert [api.call("GET", "/batches").status for _ in range(5)] == [200, 200, 500, 500, 500]


def test_a_validation_failure_has_the_code_that_was_asked_for(with_example: Callable[[str], Any]) -> None:
    api = with_example("validation_failure")
    failed, spared = api.ended(*ten(api)), api.ended(*ten(api))

    assert failed["errors"]["data"][0]["code"] == "model_not_found"
    assert spared["status"] == "completed"


@pytest.mark.parametrize(
    "code",
    [
        *(
            "invalid_request",
            "invalid_json_line",
            "missing_required_parameter",
            "invalid_url",
            "model_not_found",
        ),
        *("streaming_unsupported", "duplicate_custom_id", "mismatched_model", "too_many_tasks"),
        *("token_limit_exceeded", "a_code_of_tomorrow"),
    ],
)
def test_a_batch_can_be_made_to_fail_with_any_code(open_api: Callable[..., Any], code: str) -> None:
    api = open_api(faults=f'[[fault]]\nkind = "validation_failure"\ncode = "{code}"')
    failed = api.ended(*ten(api))

    assert (failed["status"], failed["errors"]["data"][0]["code"]) == ("failed", code)


def test_a_token_limit_fails_the_batch(with_example: Callable[[str], Any]) -> None:
    api = with_example("token_limit")
    failed = api.ended(*ten(api))

    assert failed["errors"]["data"][0]["code"] == "token_limit_exceeded"
    assert "Enqueued token limit reached for gpt-4o-mini" in failed["errors"]["data"][0]["message"]


def test_when_all_lines_fail_there_is_no_output_file(with_example: Callable[[str], Any]) -> None:
    api = with_example("all_lines_failed")
    ended = api.ended(*ten(api))

    assert (ended["status"], ended["output_file_id"]) == ("completed", None)
    assert ended["request_counts"] == {"total": 10, "completed": 0, "failed": 10}
    assert {line["response"]["status_code"] for line in api.results(ended)} == {500}


def test_an_expired_batch_has_what_was_done_and_names_the_rest(with_example: Callable[[str], Any]) -> None:
    api = with_example("expire")
    batch = api.batch_of(*ten(api))
    api.now += 86_399
    before = api.retrieve(batch)
    api.now += 1
    ended = api.retrieve(batch)
    rest = api.content(ended["error_file_id"]).lines

    assert (before["status"], ended["status"]) == ("in_progress", "expired")
    assert ended["expired_at"] == ended["expires_at"] == ended["created_at"] + 86_400
    assert len(api.content(ended["output_file_id"]).lines) == len(rest) == 5
    assert {(line["response"], line["error"]["code"]) for line in rest} == {(None, "batch_expired")}
    assert ended["request_counts"] == {"total": 10, "completed": 5, "failed": 0}


def test_a_batch_that_somebody_cancels_has_what_was_done(with_example: Callable[[str], Any]) -> None:
    api = with_example("cancel")
    ended = api.ended(*ten(api))
    rest = api.content(ended["error_file_id"]).lines

    assert ended["status"] == "cancelled"
    assert ended["cancelled_at"] > ended["cancelling_at"] > ended["in_progress_at"]
    assert len(api.content(ended["output_file_id"]).lines) == len(rest) == 5
    assert {line["error"]["code"] for line in rest} == {"batch_cancelled"}


def test_a_slow_batch_takes_longer_by_that_much(with_example: Callable[[str], Any]) -> None:
    api = with_example("slow_batch")
    batch = api.batch_of(*ten(api))
    api.now += 7_200
    before = api.retrieve(batch)["status"]
    api.now += 200

    assert (before, api.retrieve(batch)["status"]) == ("in_progress", "completed")


def test_a_batch_can_be_completed_before_its_output_has_an_id(with_example: Callable[[str], Any]) -> None:
    api = with_example("late_output_file_id")
    batch = api.batch_of(*ten(api))
    while (seen := api.retrieve(batch))["status"] != "completed":
        api.now += 1
    api.now += 61

    assert seen["output_file_id"] is None
    assert api.retrieve(batch)["output_file_id"]


def test_a_clean_batch_can_have_an_empty_error_file_id(with_example: Callable[[str], Any]) -> None:
    api = with_example("empty_error_file_id")

    assert api.ended(*ten(api))["error_file_id"] == ""


def test_counts_can_be_wrong(open_api: Callable[..., Any], with_example: Callable[[str], Any]) -> None:
    api = with_example("wrong_counts")
    ended = api.ended(*ten(api), api.line(10, body=api.body(temperature=9)))

    assert ended["request_counts"] == {"total": 11, "completed": 11, "failed": 0}
    assert len(api.content(ended["error_file_id"]).lines) == 1


def test_a_line_error_befalls_the_lines_that_match(with_example: Callable[[str], Any]) -> None:
    api = with_example("line_error")
    ended = api.ended(*ten(api))
    (failed,) = api.content(ended["error_file_id"]).lines

    assert (failed["custom_id"], failed["response"]["status_code"]) == ("request-3", 429)
    assert failed["response"]["body"]["error"]["code"] == "rate_limit_exceeded"
    assert api.call("POST", "/chat/completions", api.body(3)).status == 429


@pytest.mark.parametrize("status", [400, 401, 404, 408, 422, 429, 500, 502, 503, 504])
def test_a_line_can_fail_with_any_status(open_api: Callable[..., Any], status: int) -> None:
    api = open_api(faults=f'[[fault]]\nkind = "line_error"\nnth = [1]\nstatus = {status}\ncode = "odd"')
    ended = api.ended(*ten(api))
    (failed,) = api.content(ended["error_file_id"]).lines

    assert failed["response"]["status_code"] == status
    assert failed["response"]["body"]["error"]["code"] == "odd"


def test_a_line_with_status_zero_is_counted_as_completed(with_example: Callable[[str], Any]) -> None:
    api = with_example("status_code_zero")
    ended = api.ended(*ten(api))
    (odd,) = api.content(ended["error_file_id"]).lines

    assert odd["response"] == {"status_code": 0, "request_id": "", "body": {}}
    assert (odd["custom_id"], odd["error"]) == ("request-1", None)
    assert ended["request_counts"] == {"total": 10, "completed": 10, "failed": 0}


def test_a_line_of_the_output_can_be_no_json(with_example: Callable[[str], Any]) -> None:
    api = with_example("invalid_output_line")
    lines = api.content(api.ended(*ten(api))["output_file_id"]).content.splitlines()
    broken = [line for line in lines if not line.endswith(b"}")]

    assert (len(lines), len(broken)) == (10, 1)
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken[0])


def ids_in_output(api: Any) -> list[str]:
    lines = api.content(api.ended(*ten(api))["output_file_id"]).lines
    return sorted(line["custom_id"] for line in lines)


def test_a_result_can_stand_twice(with_example: Callable[[str], Any]) -> None:
    ids = ids_in_output(with_example("duplicated_line"))

    assert (len(ids), ids.count("request-1")) == (11, 2)


def test_a_result_can_be_missing(with_example: Callable[[str], Any]) -> None:
    ids = ids_in_output(with_example("missing_line"))

    assert (len(ids), ids.count("request-1")) == (9, 0)


def contents(api: Any) -> dict[str, str]:
    results = api.content(api.ended(*ten(api))["output_file_id"]).lines
    return {one["custom_id"]: one["response"]["body"]["choices"][0]["message"]["content"] for one in results}


def test_an_answer_can_be_no_json(with_example: Callable[[str], Any]) -> None:
    api = with_example("answer_not_json")

    assert all(content.startswith("I am sorry") for content in contents(api).values())


def test_an_answer_can_be_json_with_other_keys(with_example: Callable[[str], Any]) -> None:
    found = contents(with_example("answer_off_schema"))
    keys = {custom_id: sorted(json.loads(content)) for custom_id, content in found.items()}

    assert keys["request-1"] == ["mood", "score"]
    assert keys["request-2"] == ["category", "language", "sentiment", "summary"]


def test_a_rate_befalls_about_that_share_and_the_same_ones_again(open_api: Callable[..., Any]) -> None:
    def failed() -> list[int]:
        api = open_api(faults='[[fault]]\nkind = "server_error"\non = "files.list"\nrate = 0.3')
        return [number for number in range(300) if api.call("GET", "/files").status == 500]

    first, second = failed(), failed()

    assert first == second
    assert 60 <= len(first) <= 120


def test_faults_can_be_combined(open_api: Callable[..., Any]) -> None:
    api = open_api(faults=EXAMPLES["expire"] + EXAMPLES["line_error"] + EXAMPLES["duplicated_line"])
    batch = api.ended(*ten(api), after=86_400)
    statuses = [line["response"] and line["response"]["status_code"] for line in api.results(batch)]

    assert batch["status"] == "expired"
    assert statuses.count(None) == 5
    assert len(statuses) in (10, 11)


def test_triggers_of_one_fault_must_all_hold(open_api: Callable[..., Any]) -> None:
    toml = '[[fault]]\nkind = "line_error"\nnth = [1, 2, 3]\nmatch = "message [29]"'
    api = open_api(faults=toml)
    (failed,) = api.content(api.ended(*ten(api))["error_file_id"]).lines

    assert failed["custom_id"] == "request-2"


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("kind =", "this is not TOML"),
        ('[[fault]]\nkind = "nonsense"', "fault.1.kind"),
        ('[[fault]]\nkind = "expire"\nshare = 2', "fault.1.share"),
        ('[[fault]]\nkind = "expire"\n[[fault]]\nkind = "cancel"\nrtae = 1', "fault.2.rtae"),
        ('[[fault]]\nkind = "expire"\nmatch = "("', "regular expression"),
        ('[[fault]]\nkind = "expire"\non = "batches.create"', "'on' names calls"),
        ('[[fault]]\nkind = "server_error"\non = "batches.make"', "batches.make"),
        ("[[faults]]", "faults"),
    ],
)
def test_a_mistake_in_a_faults_file_is_named_with_its_place(tmp_path: Path, toml: str, named: str) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(toml)

    with pytest.raises(UsageError, match=re.escape(named)) as caught:
        load_faults(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_faults_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape("none.toml")):
        load_faults(tmp_path / "none.toml")


def test_an_answer_can_be_plain_ascii(with_example: Callable[[str], Any]) -> None:
    api = with_example("ascii_answer")
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}], "n": 3}
    reply = api.call("POST", "/chat/completions", body).json
    said = [choice["message"]["content"] for choice in reply["choices"]]

    assert all(text.isascii() and len(text.splitlines()) == 1 for text in said)
    assert reply["usage"]["completion_tokens"] == sum((len(text) + 3) // 4 for text in said)
