"""Whatever a client can send is answered in the API's own shape.

About a thousand cases as they stand; `CLAIMBENCH_FUZZ_CASES=20000` sets how many there are in all.
"""

import asyncio
import json
import os
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from claimbench.loadgen.fake_openai.asgi import make_app
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.limits import ROOMY
from claimbench.loadgen.fake_openai.wire import ApiRequest

TESTS = 4
CASES = int(os.environ.get("CLAIMBENCH_FUZZ_CASES", "1000")) // TESTS
fuzzed = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None)

START = 1_700_000_000.0
DIRECT = tuple(
    f"/v1/{name}" for name in ("chat/completions", "responses", "embeddings", "completions", "moderations")
)
"""The paths on which the model itself answers, which may be overloaded."""
AZURE = (
    *("/openai/files", "/openai/batches", "/openai/v1/batches", "/openai/v1/responses", "/openai"),
    *("/openai/deployments/d/embeddings", "/openai/deployments/d/chat/completions"),
)

now = [START]
fake = FakeOpenAI(seed=1, clock=lambda: now[0], failed_line_rate=0.3, limits=ROOMY)
app = make_app(fake)
loop = asyncio.new_event_loop()

names = st.sampled_from(
    [
        *("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after", "model"),
        *(
            "messages",
            "role",
            "content",
            "stream",
            "n",
            "temperature",
            "max_tokens",
            "response_format",
            "type",
        ),
        *("custom_id", "method", "url", "body", "anchor", "seconds", "tools", "stream_options", "input"),
    ]
)
telling = st.sampled_from(
    [
        *("/v1/chat/completions", "/v1/embeddings", "24h", "created_at", "gpt-4o-mini", "user", "system"),
        *("POST", "json_object", "batch", "file-abc", "Answer with the JSON keys: sentiment, \ud800", "json"),
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | telling
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=15,
)
objects = st.dictionaries(names | st.text(max_size=8), values, max_size=8)
methods = st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE"]) | st.text(
    alphabet="ABCXYZ-", min_size=1, max_size=8
)
identifiers = st.sampled_from(["", "file-abc", "batch_abc", "..", "%2e", "\x00", "ü", "a" * 300]) | st.text(
    max_size=10
)
paths = st.one_of(
    st.sampled_from(["/v1/files", "/v1/batches", "/v1/models", "/v1", "/", "", "//", "/v1//files", *DIRECT]),
    st.sampled_from(AZURE),
    st.builds("/openai/deployments/{}/chat/completions".format, identifiers),
    st.builds("/openai/files/{}/content".format, identifiers),
    st.builds("/v1/models/{}".format, identifiers),
    st.builds("/v1/files/{}".format, identifiers),
    st.builds("/v1/files/{}/content".format, identifiers),
    st.builds("/v1/batches/{}".format, identifiers),
    st.builds("/v1/batches/{}/cancel".format, identifiers),
    st.text(max_size=30).map("/{}".format),
)
queries = st.one_of(
    st.just(b""),
    st.just(b"api-version=1"),
    st.binary(max_size=30),
    st.builds(
        lambda name, value: f"{name}={value}".encode(errors="replace"),
        st.sampled_from(["limit", "after", "order", "purpose"]),
        st.text(max_size=10) | st.integers().map(str),
    ),
)
header_values = st.binary(max_size=40).filter(lambda value: b"\r" not in value and b"\n" not in value)
headers = st.lists(
    st.tuples(
        st.sampled_from([b"content-type", b"authorization", b"content-length", b"accept", b"x-stainless"]),
        header_values
        | st.sampled_from([b"Bearer k", b"application/json", b"multipart/form-data; boundary=B"]),
    ),
    max_size=4,
)
schemas = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "number", "null", "array", "object", "x"])}
    ),
    lambda inner: (
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.text(max_size=4), inner | values, max_size=3),
            },
            optional={
                "additionalProperties": st.just(False) | values,
                "required": st.lists(st.text(max_size=4), max_size=3) | values,
                "$defs": st.dictionaries(st.text(max_size=4), inner, max_size=2),
            },
        )
        | st.builds(lambda part: {"type": "array", "items": part}, inner)
        | st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, max_size=3) | values)
        | st.builds(lambda name: {"$ref": f"#/$defs/{name}"}, st.text(max_size=4))
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["string", "integer", "number"])},
            optional={
                name: values | st.integers(-9, 9) | st.text(max_size=8)
                for name in (
                    "pattern",
                    "format",
                    "minimum",
                    "maximum",
                    "multipleOf",
                    "exclusiveMinimum",
                    "enum",
                )
            },
        )
    ),
    max_leaves=8,
)
functions = st.builds(
    lambda name, schema, strict: {"name": name, "parameters": schema, "strict": strict},
    st.sampled_from(["f", "g", ""]) | values,
    schemas | values,
    st.booleans() | values,
)
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-4o", "gpt-5-mini", "text-embedding-3-small", "omni-moderation-latest"])},
    optional={
        "messages": st.just([{"role": "user", "content": "json"}]) | values,
        "input": st.text(max_size=9) | st.lists(st.text(max_size=4) | st.integers(), max_size=4) | values,
        "prompt": st.text(max_size=9) | values,
        "response_format": st.builds(
            lambda schema, strict: {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": schema, "strict": strict},
            },
            schemas | values,
            st.booleans() | values,
        )
        | values,
        "text": st.builds(
            lambda schema: {"format": {"type": "json_schema", "name": "a", "schema": schema, "strict": True}},
            schemas | values,
        )
        | values,
        "tools": st.lists(
            st.builds(lambda one: {"type": "function", "function": one}, functions)
            | st.builds(lambda one: {"type": "function", **one}, functions)
            | values,
            max_size=3,
        )
        | values,
        "tool_choice": st.sampled_from(["auto", "none", "required"])
        | st.builds(lambda one: {"type": "allowed_tools", "allowed_tools": {"tools": [one]}}, functions)
        | values,
        "stream": st.booleans() | values,
        "reasoning": st.builds(lambda effort: {"effort": effort}, st.sampled_from(["low", "none"]) | values)
        | values,
        "dimensions": st.integers(-1, 2_000) | values,
        "encoding_format": st.sampled_from(["float", "base64"]) | values,
        "max_output_tokens": st.integers(0, 99) | values,
        "stop": st.lists(st.text(max_size=2), max_size=5) | values,
        "logprobs": st.booleans() | values,
        "top_logprobs": st.integers(-1, 21) | values,
        "reasoning_effort": st.sampled_from(["low", "none", "minimal"]) | values,
        "metadata": values,
        "instructions": values,
    },
)
KEY = [(b"authorization", b"Bearer k")]
FORM = [*KEY, (b"content-type", b"multipart/form-data; boundary=B")]


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def send(method: str, path: str, query: bytes, sent: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send one request and check that the answer is one that the API could have given."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": sent,
        "client": ("127.0.0.1", 1),
    }
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def collect(message: dict[str, Any]) -> None:
        messages.append(message)

    loop.run_until_complete(asyncio.wait_for(app(scope, receive, collect), 20))
    status = messages[0]["status"]
    is_direct = path in DIRECT or path.startswith("/openai/")
    assert status == 200 or 400 <= status < 500 or (status in (500, 503) and is_direct)
    assert messages[-1]["more_body"] is False
    if status != 200 and method != "HEAD":
        error = json.loads(messages[1]["body"])["error"]
        assert sorted(error) == ["code", "message", "param", "type"]


@fuzzed
@given(methods, paths, queries, headers, st.binary(max_size=200))
def test_any_method_path_query_and_header_gets_an_answer_of_the_api(
    method: str, path: str, query: bytes, sent: list[tuple[bytes, bytes]], body: bytes
) -> None:
    send(method, path, query, sent, body)


@fuzzed
@given(
    st.sampled_from(["/v1/batches", *DIRECT, *AZURE]),
    objects.map(encoded) | bodies.map(encoded) | values.map(encoded) | st.binary(max_size=100),
)
@example("/v1/chat/completions", b'{"model":"gpt-4o","messages":[{"role":"user","content":[1,{"text":2}]}]}')
@example("/v1/chat/completions", b'{"model":"gpt-4o","messages":' + b"[" * 5000 + b"]" * 5000 + b"}")
@example(
    "/v1/chat/completions",
    b'{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"x":' + b"[" * 500 + b"]" * 500 + b"}",
)
@example(
    "/v1/responses",
    b'{"model":"gpt-4o","input":"a","text":{"format":' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}}",
)
@example(
    "/v1/chat/completions",
    b'{"model":"gpt-4o","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema",'
    b'"json_schema":{"name":"a","schema":{"type":"array","minItems":1000000000,"items":{"$ref":"#"}}}}}',
)
@example("/v1/batches", b'{"metadata":{"\xf0\x9f\x98\x80":1}}')
def test_any_json_body_gets_an_answer_of_the_api(path: str, body: bytes) -> None:
    send("POST", path, b"api-version=1", KEY, body)


parts = st.lists(
    st.tuples(
        st.sampled_from(["purpose", "file", "expires_after[seconds]", "expires_after[anchor]", "", "x"]),
        st.sampled_from(
            ["", '; filename="a.jsonl"', '; filename="a.txt"', '; filename="', "; filename*=utf-8''ü"]
        ),
        st.sampled_from([b"batch", b"vision", b"created_at", b"7200", b"{}\n", b"\xff\n"])
        | st.binary(max_size=60),
    ),
    max_size=5,
)


def form(drawn: list[tuple[str, str, bytes]]) -> bytes:
    pieces = [
        f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
        for name, more, content in drawn
    ]
    return b"".join([*pieces, b"--B--\r\n"])


@fuzzed
@given(
    parts.map(form),
    st.integers(0, 400),
    st.integers(0, 3),
    st.sampled_from([b"", b"\r\n", b"--", b"\x00", b"--B"]),
)
def test_any_multipart_body_gets_an_answer_of_the_api(raw: bytes, place: int, cut: int, put: bytes) -> None:
    send("POST", "/v1/files", b"", FORM, raw[:place] + put + raw[place + cut :])


lines = st.lists(
    objects.map(encoded)
    | st.fixed_dictionaries(
        {"custom_id": scalars, "method": st.just("POST"), "url": telling, "body": objects},
    ).map(encoded)
    | st.fixed_dictionaries(
        {
            "custom_id": st.text(min_size=1, max_size=5),
            "method": st.just("POST"),
            "url": st.sampled_from(["/v1/chat/completions", "/v1/embeddings", "/v1/responses"]),
            "body": st.fixed_dictionaries({"model": st.just("gpt-4o"), "messages": values, "input": values}),
        }
    ).map(encoded)
    | st.binary(max_size=30),
    min_size=1,
    max_size=5,
)


@fuzzed
@given(lines, st.sampled_from(["/v1/chat/completions", "/v1/embeddings", "/v1/responses"]))
def test_any_batch_file_becomes_a_batch_or_is_refused(drawn: list[bytes], endpoint: str) -> None:
    content = b"\n".join(drawn)
    send(
        "POST",
        "/v1/files",
        b"",
        FORM,
        form([("purpose", "", b"batch"), ("file", '; filename="a.jsonl"', content)]),
    )
    newest = json.loads(get("/v1/files"))["data"][:1]
    order = {
        "endpoint": endpoint,
        "completion_window": "24h",
        "input_file_id": newest[0]["id"] if newest else "x",
    }
    send("POST", "/v1/batches", b"", KEY, encoded(order))
    now[0] = START + 400
    (batch,) = json.loads(get("/v1/batches"))["data"]
    files = [batch[name] for name in ("output_file_id", "error_file_id") if batch[name]]
    results = [
        json.loads(line) for one in files for line in get(f"/v1/files/{one}/content").split(b"\n") if line
    ]
    now[0] = START
    fake.reset()

    assert batch["status"] in ("completed", "failed")
    assert len(results) == batch["request_counts"]["total"]


def get(path: str) -> bytes:
    body = fake.handle(ApiRequest("GET", path, "", {"authorization": "Bearer k"})).body
    return body if isinstance(body, bytes) else b"".join(body)
