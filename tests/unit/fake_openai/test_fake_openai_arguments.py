"""Arguments that the API refuses or follows, beyond those that others have run into already."""

import json
from typing import Any

import pytest

HI = [{"role": "user", "content": "hi"}]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("f", "g")
]


def chat(api: Any, **body: Any) -> Any:
    return api.call("POST", "/chat/completions", {"model": "gpt-4o-mini", "messages": HI, **body})


def respond(api: Any, **body: Any) -> Any:
    return api.call("POST", "/responses", {"model": "gpt-4o-mini", "input": "hi", **body})


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"model": "o4-mini", "reasoning_effort": "minimal"}, "reasoning_effort", "unsupported_value"),
        ({"model": "gpt-5", "reasoning_effort": "none"}, "reasoning_effort", "unsupported_value"),
        ({"model": "gpt-5.1", "reasoning_effort": "xhigh"}, "reasoning_effort", "unsupported_value"),
        ({"model": "o3", "stop": ["."]}, "stop", "unsupported_parameter"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"top_logprobs": 2}, "top_logprobs", None),
        ({"max_tokens": 5, "max_completion_tokens": 6}, None, "invalid_parameter_combination"),
        ({"tools": []}, "tools", "empty_array"),
        ({"colour": "red"}, None, None),
    ],
)
def test_a_chat_completion_refuses_arguments_as_the_api_does(
    api: Any, body: dict[str, Any], param: str | None, code: str | None
) -> None:
    answer = chat(api, **body)

    assert answer.status == 400
    assert (answer.error["param"], answer.error["code"]) == (param, code)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"max_tokens": 50}, "max_tokens", "unsupported_parameter"),
        ({"messages": HI}, "messages", "unsupported_parameter"),
        ({"response_format": {"type": "text"}}, "response_format", "unsupported_parameter"),
        ({"colour": "red"}, "colour", "unknown_parameter"),
        ({"text": {"format": {"type": "json_object"}}}, "input", None),
    ],
)
def test_a_response_refuses_the_arguments_of_chats_and_says_where_they_went(
    api: Any, body: dict[str, Any], param: str, code: str | None
) -> None:
    answer = respond(api, **body)

    assert answer.status == 400
    assert (answer.error["param"], answer.error["code"]) == (param, code)


def test_an_embedding_refuses_an_argument_that_there_is_not(api: Any) -> None:
    body = {"model": "text-embedding-3-small", "input": "hi"}
    taken = api.call("POST", "/embeddings", {**body, "user": "u"})
    refused = api.call("POST", "/embeddings", {**body, "colour": "red"})

    assert (taken.status, refused.status) == (200, 400)


def test_an_answer_ends_before_a_stop(api: Any) -> None:
    texts = [chat(api, stop=[".", "?"]).json["choices"][0] for _ in range(5)]

    assert all(one["finish_reason"] == "stop" for one in texts)
    assert not any(sign in one["message"]["content"] for one in texts for sign in ".?")


def test_log_probabilities_stand_beside_each_token_of_the_answer(api: Any) -> None:
    choice = chat(api, logprobs=True, top_logprobs=3).json["choices"][0]
    told = choice["logprobs"]["content"]

    assert "".join(one["token"] for one in told) == choice["message"]["content"]
    assert all(one["logprob"] <= 0 and len(one["top_logprobs"]) == 3 for one in told)
    assert chat(api).json["choices"][0]["logprobs"] is None


def test_of_the_allowed_functions_only_is_one_called(api: Any) -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    called = {
        chat(api, tools=TOOLS, tool_choice=choice).json["choices"][0]["message"]["tool_calls"][0]["function"][
            "name"
        ]
        for _ in range(9)
    }

    assert called == {"g"}


def test_a_response_tells_what_it_was_asked_with_in_a_batch_as_alone(api: Any) -> None:
    schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    asked = {
        "instructions": "be short",
        "metadata": {"k": "v"},
        "temperature": 0.3,
        "store": False,
        "tools": [{"type": "function", "name": "f", "parameters": schema, "strict": True}],
        "tool_choice": "none",
        "text": {"format": {"type": "json_schema", "name": "Mine", "schema": schema, "strict": True}},
    }
    alone = respond(api, **asked).json
    body = {"model": "gpt-4o-mini", "input": "hi", **asked}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": body}
    batch = api.create(api.upload(json.dumps(line).encode()).json["id"], endpoint="/v1/responses").json
    api.now += 400
    (result,) = api.results(api.retrieve(batch))
    batched = result["response"]["body"]

    for found in (alone, batched):
        assert {name: found[name] for name in ("instructions", "metadata", "temperature", "store")} == {
            name: asked[name] for name in ("instructions", "metadata", "temperature", "store")
        }
        assert found["text"]["format"]["name"] == "Mine"
        assert (found["tools"][0]["name"], found["tool_choice"]) == ("f", "none")


def test_a_response_without_effort_has_no_reasoning_item(api: Any) -> None:
    output = respond(api, model="gpt-5.1", reasoning={"effort": "none"}).json["output"]

    assert [item["type"] for item in output] == ["message"]


def test_completions_and_moderations_have_an_answer_for_each_input(api: Any) -> None:
    body = {"model": "davinci-002", "prompt": ["a", "b"], "max_tokens": 3, "n": 2}
    said = api.call("POST", "/completions", body).json
    judged = api.call("POST", "/moderations", {"model": "omni-moderation-latest", "input": ["a", "b"]}).json

    assert [choice["index"] for choice in said["choices"]] == [0, 1, 2, 3]
    assert {choice["finish_reason"] for choice in said["choices"]} == {"length"}
    assert len(judged["results"]) == 2


def test_an_own_answer_may_be_given_to_a_response_that_the_api_would_refuse(
    open_api: Any, tmp_path: Any
) -> None:
    from claimbench.loadgen.fake_openai.fixtures import load_fixtures

    body = {"model": "gpt-4o-mini", "input": "hi", "text": 5, "tools": [1]}
    (tmp_path / "own.jsonl").write_text(json.dumps({"body": body, "answer": "mine"}) + "\n")
    api = open_api(fixtures=load_fixtures([tmp_path / "own.jsonl"]))

    assert api.call("POST", "/responses", body).json["output"][0]["content"][0]["text"] == "mine"
