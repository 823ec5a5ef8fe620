"""Answers of one's own: by custom id or body, recorded and replayed; what matches nothing is a mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.fixtures import Recording, load_fixtures


def written(folder: Path, *lines: Any, name: str = "own.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def said(result: Any) -> Any:
    return result["response"]["body"]["choices"][0]["message"]["content"]


def test_a_line_gets_the_answer_of_its_custom_id_and_others_get_made_ones(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    own = written(
        tmp_path,
        {"custom_id": "request-1", "answer": "forty-two \u2028 42"},
        {"custom_id": "request-2", "answer": {"sentiment": "GREAT"}},
        {"custom_id": "request-3", "status": 404, "answer": "not here"},
    )
    api = open_api(fixtures=load_fixtures([own]), failed_line_rate=0.0)
    ended = api.ended(*(api.line(n) for n in range(5)))
    lines = [
        json.loads(line)
        for id_ in (ended["output_file_id"], ended["error_file_id"])
        for line in api.content(id_).content.split(b"\n")
        if line
    ]
    results = {one["custom_id"]: one for one in lines}

    assert said(results["request-1"]) == "forty-two \u2028 42"
    assert json.loads(said(results["request-2"])) == {"sentiment": "GREAT"}
    assert results["request-3"]["response"]["status_code"] == 404
    assert results["request-3"]["response"]["body"]["error"]["message"] == "not here"
    assert "summary" in said(results["request-0"])
    assert ended["request_counts"] == {"total": 5, "completed": 4, "failed": 1}


def test_a_body_is_matched_in_any_order_of_its_keys_and_outside_of_a_batch(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    api = open_api()
    body = api.body(7)
    own = written(tmp_path, {"body": dict(reversed(body.items())), "answer": "mine"})
    api = open_api(fixtures=load_fixtures([own]))
    (result,) = api.results(api.ended(api.line(7)))

    assert said(result) == "mine"
    assert api.call("POST", "/chat/completions", body).json["choices"][0]["message"]["content"] == "mine"


def test_an_answer_of_ones_own_serves_responses_and_whole_bodies_too(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    asked, whole = {"model": "gpt-4o", "input": "hi"}, {"model": "text-embedding-3-small", "input": "hi"}
    own = written(
        tmp_path,
        {"body": asked, "answer": "mine"},
        {"body": whole, "response": {"object": "list", "data": []}},
    )
    api = open_api(fixtures=load_fixtures([own]))

    assert api.call("POST", "/responses", asked).json["output"][0]["content"][0]["text"] == "mine"
    assert api.call("POST", "/embeddings", whole).json == {"object": "list", "data": []}


def test_a_batch_that_was_recorded_is_replayed_by_another_server(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    first = open_api(seed=1, failed_line_rate=0.3, recording=Recording(tmp_path / "r.jsonl"))
    recorded = first.results(first.ended(*(first.line(n) for n in range(20))))
    other = open_api(seed=2, fixtures=load_fixtures([tmp_path / "r.jsonl"]))
    replayed = other.results(other.ended(*(other.line(n) for n in range(20))))

    def answers(results: list[Any]) -> dict[str, Any]:
        return {
            one["custom_id"]: (one["response"]["status_code"], one["response"]["body"]) for one in results
        }

    assert answers(replayed) == answers(recorded)
    assert {status for status, _ in answers(recorded).values()} > {200}


def test_a_pair_of_files_of_ones_own_is_replayed_by_custom_id_and_by_body(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    api = open_api()
    asked = written(tmp_path, json.loads(api.line(1)), json.loads(api.line(2)), name="in.jsonl")
    good = {
        "id": "chatcmpl-live",
        "object": "chat.completion",
        "usage": {"prompt_tokens": 7, "completion_tokens": 9},
    }
    answered = written(
        tmp_path,
        {
            "id": "batch_req_1",
            "custom_id": "request-1",
            "response": {"status_code": 200, "body": good},
            "error": None,
        },
        {
            "id": "batch_req_2",
            "custom_id": "request-2",
            "response": None,
            "error": {"code": "batch_expired", "message": "late"},
        },
        name="out.jsonl",
    )
    api = open_api(fixtures=load_fixtures([asked, answered]))
    ended = api.ended(api.line(1), api.line(2), api.line(3))
    results = {one["custom_id"]: one for one in api.results(ended)}

    assert results["request-1"]["response"]["body"] == good
    assert (results["request-2"]["response"], results["request-2"]["error"]["code"]) == (
        None,
        "batch_expired",
    )
    assert results["request-3"]["response"]["status_code"] == 200
    assert api.call("POST", "/chat/completions", api.body(1)).json == good
    assert ended["usage"]["output_tokens"] >= 9


def test_an_own_answer_is_given_where_the_fake_would_refuse(
    open_api: Callable[..., Any], tmp_path: Path
) -> None:
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
    api = open_api(fixtures=load_fixtures([written(tmp_path, {"body": body, "answer": "live"})]))
    (result,) = api.results(api.ended(api.line(body=body)))

    assert said(result) == "live"
    assert api.call("POST", "/chat/completions", body).status == 200


def test_fixtures_that_no_request_met_are_known(open_api: Callable[..., Any], tmp_path: Path) -> None:
    own = written(tmp_path, {"custom_id": "request-1", "answer": "a"}, {"custom_id": "typo", "answer": "b"})
    fixtures = load_fixtures([own])
    api = open_api(fixtures=fixtures)
    api.ended(api.line(1))

    assert fixtures.unused() == (f"{own}:2",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no fixture in it"),
        ("not json\n", "1: this is not JSON"),
        ("[1]\n", "no JSON object"),
        ('{"answer": "a"}\n', "matches nothing"),
        ('{"custom_id": "a"}\n', "no fixture"),
        ('{"custom_id": "a", "answer": "x", "anwser": "y"}\n', "no key 'anwser'"),
        ('{"custom_id": 1, "answer": "x"}\n', "custom_id is a text"),
        ('{"custom_id": "a", "status": 99}\n', "status is 99"),
        ('{"custom_id": "a", "response": {"status_code": "x"}}\n', "no status_code and body"),
        ('{"custom_id": "a", "response": 5, "error": null}\n', "its response is no JSON object"),
        ('{"custom_id": "a", "answer": "x"}\n{"custom_id": "a", "answer": "y"}\n', "has another answer at"),
        (
            (
                '{"custom_id": "a", "method": "POST", "url": "u", "body": {}}\n'
                '{"custom_id": "b", "response": {"status_code": 200, "body": {}}}\n'
            ),
            "no input line has the custom_id 'b'",
        ),
    ],
)
def test_a_fixture_that_is_none_or_matches_nothing_is_refused_with_its_line(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_fixtures([path])
