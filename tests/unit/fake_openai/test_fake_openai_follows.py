"""Answers follow the request: schemas, functions, limits, reasoning, embeddings; and what a model refuses."""

import base64
import json
import math
import struct
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from claimbench.loadgen.fake_openai.answers import VARIANTS


def thing(**properties: Any) -> dict[str, Any]:
    """A strict object with these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
SCHEMAS = {
    "flat": thing(sentiment=TEXT, score=WHOLE, sure={"type": "boolean"}, share={"type": "number"}),
    "enum and const": thing(kind={"type": "string", "enum": ["a", "b"]}, fixed={"const": 7}),
    "nullable": thing(maybe={"type": ["string", "null"]}, other={"anyOf": [WHOLE, {"type": "null"}]}),
    "numbers": thing(
        stars={"type": "integer", "minimum": 1, "maximum": 5},
        price={"type": "number", "exclusiveMinimum": 0, "maximum": 9.99, "multipleOf": 0.01},
        cold={"type": "integer", "maximum": -3},
        narrow={"type": "number", "minimum": 0.501, "maximum": 0.502},
        odd={"type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 12},
        sevens={"type": "integer", "multipleOf": 7, "minimum": 1},
    ),
    "arrays": thing(
        tags={"type": "array", "items": TEXT, "minItems": 2, "maxItems": 4},
        none={"type": "array", "items": WHOLE, "maxItems": 0},
        things={"type": "array", "items": thing(name=TEXT)},
    ),
    "formats": thing(
        **{
            name.replace("-", "_"): {"type": "string", "format": name}
            for name in ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
        }
    ),
    "patterns": thing(
        user={"type": "string", "pattern": "^@[a-zA-Z0-9_]{3,}$"},
        code={"type": "string", "pattern": r"^[A-Z]{2}-\\d{4}(-x)?$"},
        choice={"type": "string", "pattern": "^(yes|no|maybe)$"},
        anything_but={"type": "string", "pattern": "^[^0-9]+$"},
        twice={"type": "string", "pattern": r"^([ab]c)\\1$"},
    ),
    "definitions": {**thing(one={"$ref": "#/$defs/P"}), "$defs": {"P": thing(x=WHOLE, y=WHOLE)}},
    "recursive": {
        **thing(root={"$ref": "#/$defs/Node"}),
        "$defs": {
            "Node": thing(
                name=TEXT,
                left={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                many={"type": "array", "items": {"$ref": "#/$defs/Node"}},
            )
        },
    },
    "itself": thing(value=TEXT, next={"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
    "alternatives": thing(shape={"anyOf": [thing(radius=WHOLE), thing(width=WHOLE, height=WHOLE)]}),
    "empty": thing(),
}


def chat_format(schema: Any, **more: Any) -> dict[str, Any]:
    inner = {"name": "answer", "strict": True, "schema": schema, **more}
    return {"type": "json_schema", "json_schema": inner}


def chat(api: Any, **body: Any) -> Any:
    messages = [{"role": "user", "content": "hi"}]
    return api.call("POST", "/chat/completions", {"model": "gpt-4o-mini", "messages": messages, **body})


def respond(api: Any, **body: Any) -> Any:
    return api.call("POST", "/responses", {"model": "gpt-4o-mini", "input": "hi", **body})


def embed(api: Any, **body: Any) -> Any:
    return api.call("POST", "/embeddings", {"model": "text-embedding-3-small", "input": "hi", **body})


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_follows_its_strict_schema_whatever_is_drawn(api: Any, name: str) -> None:
    schema = SCHEMAS[name]
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    for _ in range(40):
        said = chat(api, response_format=chat_format(schema)).json["choices"][0]["message"]["content"]

        assert list(validator.iter_errors(json.loads(said))) == []


@pytest.mark.parametrize("name", ["flat", "recursive", "patterns"])
def test_a_response_follows_its_strict_schema(api: Any, name: str) -> None:
    wanted = {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMAS[name]}
    body = respond(api, text={"format": wanted}).json
    said = json.loads(body["output"][0]["content"][0]["text"])

    assert jsonschema_rs.is_valid(SCHEMAS[name], said)
    assert body["text"]["format"]["schema"] == SCHEMAS[name]


def test_a_schema_in_a_batch_is_answered_as_it_is_outside_of_one(open_api: Callable[..., Any]) -> None:
    one, other = open_api(), open_api()
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    body["response_format"] = chat_format(SCHEMAS["flat"])
    (result,) = one.results(one.ended(one.line(body=body)))
    alone = other.call("POST", "/chat/completions", body).json

    assert result["response"]["body"]["choices"] == alone["choices"]


def test_a_schema_that_is_not_strict_is_followed_too(api: Any) -> None:
    schema = {"type": "object", "properties": {"n": WHOLE, "s": {"type": "string", "minLength": 200}}}
    said = chat(api, response_format=chat_format(schema, strict=False)).json["choices"][0]["message"][
        "content"
    ]

    assert jsonschema_rs.is_valid(schema, json.loads(said))


INVALID = [
    ({"type": "object", "properties": {"a": TEXT}}, "In context=(), 'additionalProperties' is required"),
    ({**thing(a=TEXT), "required": []}, "an array including every key in properties. Missing 'a'."),
    ({**thing(a=TEXT), "required": ["a", "b"]}, "Extra required key 'b' supplied."),
    (
        {"type": "array", "items": TEXT},
        "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'.",
    ),
    ({"type": "object", "anyOf": [thing()]}, "'anyOf' at the top level"),
    (
        thing(a={"type": "string", "default": "x"}),
        "In context=('properties', 'a'), 'default' is not permitted.",
    ),
    (thing(a={"type": "string", "minLength": 2}), "'minLength' is not permitted."),
    (thing(a={"oneOf": [TEXT], "type": "string"}), "'oneOf' is not permitted."),
    (thing(a={"allOf": [TEXT], "type": "string"}), "'allOf' is not permitted."),
    (thing(a={}), "In context=('properties', 'a'), schema must have a 'type' key."),
    (thing(a={"type": "array"}), "In context=('properties', 'a'), array schema missing items."),
    (thing(a={"type": "array", "items": {"type": "object"}}), "In context=('properties', 'a', 'items')"),
    (thing(a={"type": "string", "format": "uri"}), "'uri' is not a valid format."),
    (thing(a={"$ref": "#/$defs/No"}), "reference to component '#/$defs/No' which was not found"),
    ({**thing(a={"$ref": "#/$defs/P", "default": 1}), "$defs": {"P": TEXT}}, "$ref cannot have keywords"),
    ({"$id": "x", "$ref": "#/$defs/C", "$defs": {"C": thing()}}, "$ref cannot have keywords {'$id'}"),
    ({**thing(), "$defs": {"C": {"type": "object", "properties": {}}}}, "In context=('$defs', 'C')"),
    (thing(**{f"p{n}": TEXT for n in range(5_001)}), "5000 properties are allowed"),
    (thing(a={"type": "integer", "enum": list(range(1_001))}), "1000 enum values are allowed"),
]


@pytest.mark.parametrize(("schema", "words"), INVALID, ids=[words[-40:] for _, words in INVALID])
def test_a_schema_that_strict_mode_does_not_take_fails_its_line(api: Any, schema: Any, words: str) -> None:
    chat_error = chat(api, response_format=chat_format(schema)).error
    wanted = {"type": "json_schema", "name": "answer", "strict": True, "schema": schema}
    response_error = respond(api, text={"format": wanted}).error

    assert chat_error["message"].startswith("Invalid schema for response_format 'answer': ")
    assert words in chat_error["message"]
    assert (chat_error["param"], chat_error["code"]) == ("response_format", None)
    assert (response_error["param"], response_error["code"]) == ("text.format.schema", "invalid_json_schema")


def test_an_invalid_schema_is_a_failed_line_of_a_completed_batch(api: Any) -> None:
    body = api.body(response_format=chat_format({"type": "object", "properties": {"a": TEXT}}))
    ended = api.ended(api.line(body=body))
    (result,) = api.results(ended)

    assert (ended["status"], ended["request_counts"]["failed"]) == ("completed", 1)
    assert result["response"]["status_code"] == 400


REFUSED = [
    ({"model": "gpt-5-mini", "max_tokens": 100}, "max_tokens", "unsupported_parameter"),
    ({"model": "o4-mini", "max_tokens": 100}, "max_tokens", "unsupported_parameter"),
    ({"model": "gpt-5-mini", "temperature": 0.2}, "temperature", "unsupported_value"),
    ({"model": "o3-mini", "top_p": 0.5}, "top_p", "unsupported_parameter"),
    ({"model": "gpt-5", "presence_penalty": 1}, "presence_penalty", "unsupported_parameter"),
    ({"model": "gpt-5", "logprobs": True}, "logprobs", "unsupported_parameter"),
    ({"model": "gpt-4o", "max_tokens": 1_000_000}, "max_tokens", "invalid_value"),
    ({"model": "gpt-4o-mini", "max_completion_tokens": 16_385}, "max_completion_tokens", "invalid_value"),
    ({"model": "ft:gpt-4o-mini-2024-07-18:org::x", "max_tokens": 16_385}, "max_tokens", "invalid_value"),
    ({"model": "gpt-4o", "max_tokens": 0}, "max_tokens", "integer_below_min_value"),
    ({"model": "gpt-4o", "temperature": 2.5}, "temperature", "decimal_above_max_value"),
    ({"model": "gpt-4o", "n": 1.5}, "n", "invalid_type"),
    ({"model": "gpt-4o", "reasoning_effort": "low"}, None, None),
    ({"model": "gpt-5", "reasoning_effort": "much"}, "reasoning_effort", "invalid_value"),
    ({"model": "gpt-4", "response_format": chat_format(thing())}, "response_format", None),
    ({"model": "gpt-4o", "response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
    ({"model": "gpt-4o", "response_format": "json"}, "response_format", "invalid_type"),
    (
        {"model": "gpt-4o", "response_format": {"type": "json_schema"}},
        "response_format.json_schema",
        "missing_required_parameter",
    ),
    ({"model": "gpt-4o", "tool_choice": "required"}, "tool_choice", None),
    ({"model": "gpt-4o", "tools": {}}, "tools", "invalid_type"),
]


@pytest.mark.parametrize(("body", "param", "code"), REFUSED)
def test_what_a_model_refuses_fails_that_line_with_the_code_of_the_api(
    api: Any, body: dict[str, Any], param: str | None, code: str | None
) -> None:
    alone = chat(api, **body)
    messages = [{"role": "user", "content": "hi"}]
    ended = api.ended(api.line(body={"messages": messages, **body}))
    (result,) = api.results(ended)

    assert alone.status == result["response"]["status_code"] == 400
    assert (alone.error["param"], alone.error["code"]) == (param, code)
    assert result["response"]["body"] == alone.json


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-5-mini", "temperature": 1, "max_completion_tokens": 2_000},
        {"model": "gpt-5.1", "temperature": 0, "reasoning_effort": "none"},
        {"model": "gpt-4o", "temperature": 0, "top_p": 0.1, "max_tokens": 16_384},
        {"model": "gpt-5-chat-latest", "temperature": 0.3, "max_tokens": 10},
        {"model": "o4-mini", "reasoning_effort": "high"},
    ],
)
def test_what_a_model_takes_is_answered(api: Any, body: dict[str, Any]) -> None:
    assert chat(api, **body).status == 200


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("gpt-5", "gpt-5-2025-08-07"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("ft:gpt-4o-mini:org::x", "ft:gpt-4o-mini:org::x"),
    ],
)
def test_the_model_of_an_answer_is_the_dated_snapshot(api: Any, asked: str, told: str) -> None:
    assert chat(api, model=asked).json["model"] == respond(api, model=asked).json["model"] == told


WEATHER = thing(city=TEXT, days={"type": "integer", "minimum": 1, "maximum": 9})


def tool(name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": WEATHER, **more}}


NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("choice", "ending"), [("required", "tool_calls"), ("auto", "tool_calls"), (NAMED, "stop")]
)
def test_a_function_is_called_with_arguments_of_its_schema(api: Any, choice: Any, ending: str) -> None:
    choice_of = chat(api, tools=[tool(strict=True)], tool_choice=choice).json["choices"][0]
    (call,) = choice_of["message"]["tool_calls"]

    assert (choice_of["finish_reason"], choice_of["message"]["content"]) == (ending, None)
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert jsonschema_rs.is_valid(WEATHER, json.loads(call["function"]["arguments"]))


def test_the_named_function_is_called_among_several(api: Any) -> None:
    for _ in range(10):
        body = chat(api, tools=[tool("other"), tool(), tool("third")], tool_choice=NAMED).json

        assert body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"


def test_no_function_is_called_when_none_may_be_or_when_its_result_is_there(api: Any) -> None:
    forbidden = chat(api, tools=[tool()], tool_choice="none").json["choices"][0]
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    told = chat(api, tools=[tool()], messages=messages).json["choices"][0]

    for choice in (forbidden, told):
        assert choice["finish_reason"] == "stop"
        assert "tool_calls" not in choice["message"]


def test_a_response_calls_a_function_as_an_item_of_its_own(api: Any) -> None:
    flat = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}
    (item,) = respond(api, tools=[flat], tool_choice="required").json["output"]

    assert (item["type"], item["name"], item["status"]) == ("function_call", "weather", "completed")
    assert jsonschema_rs.is_valid(WEATHER, json.loads(item["arguments"]))


@pytest.mark.parametrize(
    ("broken", "param"),
    [
        ({"type": "function", "function": {}}, "tools[0].function.name"),
        ({"function": {"name": "a"}}, "tools[0].type"),
        (tool(parameters={"type": "array"}), "tools[0].function.parameters"),
        (tool(strict=True, parameters={"type": "object", "properties": {}}), "tools[0].function.parameters"),
    ],
)
def test_a_tool_that_is_none_is_refused(api: Any, broken: Any, param: str) -> None:
    reply = chat(api, tools=[broken])

    assert (reply.status, reply.error["param"]) == (400, param)


def test_a_function_that_is_not_there_cannot_be_chosen(api: Any) -> None:
    reply = chat(api, tools=[tool("other")], tool_choice=NAMED)

    assert (reply.status, reply.error["param"]) == (400, "tool_choice")


def test_a_response_needs_at_least_sixteen_tokens(api: Any) -> None:
    error = respond(api, max_output_tokens=1).error

    assert error["message"].endswith("Expected a value >= 16, but got 1 instead.")
    assert (error["param"], error["code"]) == ("max_output_tokens", "integer_below_min_value")


def test_a_response_that_is_cut_is_incomplete(api: Any) -> None:
    body = respond(api, max_output_tokens=16).json

    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["usage"]["output_tokens"] == 16
    assert body["output"][0]["status"] == "incomplete"


def test_a_model_that_reasons_puts_its_reasoning_first(api: Any) -> None:
    body = respond(api, model="o4-mini", reasoning={"effort": "low"}).json
    kinds = [item["type"] for item in body["output"]]
    thought = body["usage"]["output_tokens_details"]["reasoning_tokens"]

    assert kinds == ["reasoning", "message"]
    assert 0 < thought < body["usage"]["output_tokens"]


def test_reasoning_can_use_up_all_tokens_and_leave_no_message(api: Any) -> None:
    body = respond(api, model="o4-mini", max_output_tokens=16).json
    said = chat(api, model="o4-mini", max_completion_tokens=16).json

    assert [item["type"] for item in body["output"]] == ["reasoning"]
    assert (said["choices"][0]["message"]["content"], said["choices"][0]["finish_reason"]) == ("", "length")
    assert said["usage"]["completion_tokens_details"]["reasoning_tokens"] == 16


def test_a_batch_tells_the_reasoning_of_its_lines(api: Any) -> None:
    lines = [api.line(n, body=api.body(n, model="o4-mini")) for n in range(5)]
    ended = api.ended(*lines)
    bodies = [result["response"]["body"] for result in api.results(ended)]
    thought = [body["usage"]["completion_tokens_details"]["reasoning_tokens"] for body in bodies]

    assert ended["usage"]["output_tokens_details"]["reasoning_tokens"] == sum(thought) > 0


def test_one_of_some_hundred_responses_has_more_than_one_message(api: Any) -> None:
    lines = [
        api.line(n, url="/v1/responses", body={"model": "gpt-4o-mini", "input": f"hi {n}"})
        for n in range(4_000)
    ]
    batch = api.create(api.upload(*lines).json["id"], endpoint="/v1/responses").json
    api.now += 400
    outputs = [one["response"]["body"]["output"] for one in api.results(api.retrieve(batch))]
    several = [items for items in outputs if len(items) > 1]

    assert 1 <= len(several) <= 40
    assert all(item["type"] == "message" for items in several for item in items)
    assert VARIANTS > 4_000


@pytest.mark.parametrize(
    ("model", "width"),
    [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072), ("text-embedding-ada-002", 1536)],
)
def test_an_embedding_has_the_width_of_its_model_and_length_one(api: Any, model: str, width: int) -> None:
    vector = embed(api, model=model).json["data"][0]["embedding"]

    assert len(vector) == width
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-5)


def test_an_embedding_may_be_shorter_and_in_base64(api: Any) -> None:
    plain = embed(api, dimensions=3).json["data"][0]["embedding"]
    encoded = embed(api, dimensions=3, encoding_format="base64").json["data"][0]["embedding"]

    assert len(plain) == 3
    assert len(struct.unpack("<3f", base64.b64decode(encoded))) == 3


LIMITS = [
    ({"input": ""}, 400, None),
    ({"input": []}, 400, None),
    ({"input": ["a", ""]}, 400, None),
    ({"input": None}, 400, None),
    ({"input": ["a"] * 2_049}, 400, "array_above_max_length"),
    ({"input": "word " * 9_000}, 400, None),
    ({"input": ["word " * 6_000] * 50}, 400, "max_tokens_per_request"),
    ({"dimensions": 0}, 400, "integer_below_min_value"),
    ({"dimensions": 1_537}, 400, None),
    ({"dimensions": 3, "model": "text-embedding-ada-002"}, 400, None),
    ({"encoding_format": "int8"}, 400, "invalid_value"),
    ({"model": "gpt-4o-mini"}, 403, None),
]


@pytest.mark.parametrize(("body", "status", "code"), LIMITS)
def test_embeddings_keep_to_the_limits_of_inputs_and_tokens(
    api: Any, body: dict[str, Any], status: int, code: str | None
) -> None:
    alone = embed(api, **body)
    whole = {"model": "text-embedding-3-small", "input": "hi", **body}
    line = api.line(url="/v1/embeddings", body=whole)
    batch = api.create(api.upload(line).json["id"], endpoint="/v1/embeddings").json
    api.now += 400
    (result,) = api.results(api.retrieve(batch))

    assert (alone.status, alone.error["code"]) == (status, code)
    assert result["response"]["status_code"] == status


def test_free_text_holds_breaks_and_signs_that_are_no_ends_of_lines(api: Any) -> None:
    lines = [api.line(n, body=api.body(n, messages=[{"role": "user", "content": f"{n}"}])) for n in range(40)]
    content = api.content(api.ended(*lines)["output_file_id"]).content.decode()
    rows = [json.loads(row) for row in content.split("\n") if row]

    assert len(rows) == 40 < len(content.splitlines())
    assert {"\u2028", "\u0085", "🙂"} <= set(content)
    assert not any(row["response"]["body"]["choices"][0]["message"]["content"].isascii() for row in rows)


def test_models_are_listed_and_shown(api: Any) -> None:
    listed = api.call("GET", "/models").json

    assert {"gpt-4o-mini", "text-embedding-3-small"} <= {one["id"] for one in listed["data"]}
    assert api.call("GET", "/models/gpt-5").json["object"] == "model"
    assert api.call("GET", "/models/my-model").status == 404


def test_a_response_is_streamed_as_named_events_in_order(api: Any) -> None:
    raw = respond(api, stream=True).content.decode()
    events = [json.loads(part.split("data: ", 1)[1]) for part in raw.split("\n\n") if part]
    deltas = "".join(one["delta"] for one in events if one["type"] == "response.output_text.delta")

    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert deltas == events[-1]["response"]["output"][0]["content"][0]["text"]


def test_a_call_of_a_function_is_streamed(api: Any) -> None:
    raw = chat(api, tools=[tool()], tool_choice="required", stream=True).content.decode()
    chunks = [
        json.loads(part.removeprefix("data: ")) for part in raw.split("\n\n") if part and "[DONE]" not in part
    ]
    calls = [one["choices"][0]["delta"].get("tool_calls") for one in chunks]
    said = "".join(call[0]["function"]["arguments"] for call in calls if call)

    assert jsonschema_rs.is_valid(WEATHER, json.loads(said))
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("model", "tokens"), [("gpt-4", 8_200), ("gpt-3.5-turbo", 17_000), ("gpt-4o-mini", 129_000)]
)
def test_a_prompt_is_no_longer_than_the_context_of_its_model(api: Any, model: str, tokens: int) -> None:
    long = [{"role": "user", "content": "word" * tokens}]
    lines = [
        api.line(n, body={"model": model, "messages": messages})
        for n, messages in enumerate(
            [[{"role": "user", "content": "hi"}], [{"role": "user", "content": "ho"}], long]
        )
    ]
    ended = api.ended(*lines)

    assert ended["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    assert chat(api, model=model, messages=long).error["code"] == "context_length_exceeded"
