"""Answers depend on the seed, the body and how often it was asked; on nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODELS = {"/v1/embeddings": "text-embedding-3-small"}

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def said(result: Any) -> Any:
    """What a result line says, without what belongs to the batch or the moment."""
    response = result["response"]
    body = {name: value for name, value in response["body"].items() if name != "created"}
    return (response["status_code"], json.dumps(body, sort_keys=True))


def answers(api: Any, *groups: list[int]) -> dict[str, Any]:
    """Send these requests as batches of these groups; tell what was said to each."""
    found = {}
    for group in groups:
        ended = api.ended(*(api.line(number) for number in group))
        found |= {result["custom_id"]: said(result) for result in api.results(ended)}
    return found


@few
@given(order=st.permutations(range(12)), cut=st.integers(1, 11), seed=st.integers(-5, 2**70))
def test_grouping_and_order_do_not_change_answers(
    open_api: Callable[..., Any], order: list[int], cut: int, seed: int
) -> None:
    options = {"seed": seed, "failed_line_rate": 0.4}
    together = answers(open_api(**options), list(range(12)))
    apart = answers(open_api(**options), order[:cut], order[cut:])

    assert apart == together


def test_the_channel_does_not_change_an_answer(open_api: Callable[..., Any]) -> None:
    one, other = open_api(failed_line_rate=0.5), open_api(failed_line_rate=0.5)
    batched = answers(one, list(range(20)))
    alone = {}
    for number in range(20):
        reply = other.call("POST", "/chat/completions", other.body(number))
        body = {name: value for name, value in reply.json.items() if name != "created"}
        alone[f"request-{number}"] = (reply.status, json.dumps(body, sort_keys=True))

    assert alone == batched
    assert {status for status, _ in alone.values()} > {200}


def test_a_retry_of_a_failed_body_is_a_new_attempt_that_usually_succeeds(
    open_api: Callable[..., Any],
) -> None:
    api = open_api(failed_line_rate=0.2)
    first = answers(api, list(range(100)))
    failed = [number for number in range(100) if first[f"request-{number}"][0] != 200]
    again = [api.call("POST", "/chat/completions", api.body(number)).status for number in failed]

    assert 8 <= len(failed) <= 35
    assert again.count(200) > len(again) / 2


def test_key_order_and_white_space_are_not_part_of_a_body(open_api: Callable[..., Any]) -> None:
    one, other = open_api(), open_api()
    body = one.body(3)
    spaced = json.dumps(dict(reversed(body.items())), indent=3).encode()

    assert one.call("POST", "/chat/completions", body).content == (
        other.call("POST", "/chat/completions", spaced).content
    )


def test_another_seed_gives_other_answers(open_api: Callable[..., Any]) -> None:
    one = answers(open_api(seed=1), list(range(20)))
    other = answers(open_api(seed=2), list(range(20)))

    assert one != other


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("sentiment", ["sentiment"]),
        ("category", ["category"]),
        ("summary", ["summary"]),
        ("sentiment, category, summary, language", ["sentiment", "category", "summary", "language"]),
    ],
)
def test_the_last_line_of_the_system_prompt_names_the_keys_of_the_answer(
    api: Any, line: str, keys: list[str]
) -> None:
    system = {"role": "system", "content": f"Answer in JSON.\nAnswer with the JSON keys: {line}"}
    body = {"model": "gpt-4o-mini", "messages": [system, {"role": "user", "content": "user: hello"}]}
    content = api.call("POST", "/chat/completions", body).json["choices"][0]["message"]["content"]

    assert list(json.loads(content)) == keys


def test_without_that_line_the_answer_is_a_plain_sentence(api: Any) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
    content = api.call("POST", "/chat/completions", body).json["choices"][0]["message"]["content"]

    assert content.endswith(".")


def test_every_value_of_every_key_turns_up(api: Any) -> None:
    results = api.results(api.ended(*(api.line(number) for number in range(300))))
    found = [json.loads(one["response"]["body"]["choices"][0]["message"]["content"]) for one in results]

    assert {one["sentiment"] for one in found} == {"POSITIVE", "NEUTRAL", "NEGATIVE"}
    assert {one["category"] for one in found} == {
        *("SALES", "SUPPORT", "BILLING", "COMPLAINT", "FEEDBACK", "OTHER")
    }
    assert all(len(one["language"]) == 2 for one in found)


def test_prompt_tokens_follow_the_length_of_the_prompt(api: Any) -> None:
    def tokens(text: str) -> int:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
        return int(api.call("POST", "/chat/completions", body).json["usage"]["prompt_tokens"])

    assert tokens("word " * 800) - tokens("") == 1000


def test_a_token_limit_cuts_the_answer_short(api: Any) -> None:
    reply = api.call("POST", "/chat/completions", api.body(max_completion_tokens=5)).json

    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 5


def test_as_many_choices_come_as_were_asked_for(api: Any) -> None:
    reply = api.call("POST", "/chat/completions", api.body(n=3)).json

    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/responses", {"input": "hello"}),
        ("/v1/embeddings", {"input": ["hello", "you"]}),
        ("/v1/completions", {"prompt": "hello"}),
        ("/v1/moderations", {"input": "hello"}),
        ("/v1/images/generations", {"prompt": "a cat"}),
        ("/v1/images/edits", {"prompt": "a cat"}),
        ("/v1/videos", {"prompt": "a cat"}),
    ],
)
def test_a_batch_may_call_every_endpoint_of_the_specification(api: Any, endpoint: str, body: Any) -> None:
    line = api.line(url=endpoint, body={"model": MODELS.get(endpoint, "gpt-4o-mini"), **body})
    batch = api.create(api.upload(line).json["id"], endpoint=endpoint).json
    api.now += 400
    (result,) = api.results(api.retrieve(batch))

    assert result["response"]["status_code"] == 200


def test_embeddings_come_one_for_each_input(api: Any) -> None:
    line = api.line(url="/v1/embeddings", body={"model": "text-embedding-3-small", "input": ["a", "b", "c"]})
    batch = api.create(api.upload(line).json["id"], endpoint="/v1/embeddings").json
    api.now += 400
    (result,) = api.results(api.retrieve(batch))

    assert [one["index"] for one in result["response"]["body"]["data"]] == [0, 1, 2]
