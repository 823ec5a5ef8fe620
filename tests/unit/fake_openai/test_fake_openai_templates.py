"""The quick way of reading a line finds what the slow way finds."""

import io
import json
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from claimbench.loadgen.fake_openai import line_index
from claimbench.loadgen.fake_openai.canonical import digest
from claimbench.loadgen.fake_openai.limits import DOCUMENTED
from claimbench.loadgen.fake_openai.line_index import LineIndexer, NotUtf8Error

text = st.text(max_size=30) | st.sampled_from(
    ['"', "\\", '","role":"user"}', "custom_id", "\u2028", "é", "\x7f"]
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    ascii_only, spaced = draw(st.booleans()), draw(st.booleans())
    separators = (", ", ": ") if spaced else (",", ":")
    lines = []
    for number in range(draw(st.integers(1, 6))):
        messages = [{"role": "system", "content": draw(st.sampled_from(["Use JSON.", "Speak."]))}]
        messages.append({"role": "user", "content": draw(text)})
        body = {"model": "gpt-4o-mini", "messages": messages}
        if draw(st.booleans()):
            body["response_format"] = {"type": "json_object"}
        custom_id = draw(text.filter(bool) | st.just(f"request-{number}"))
        line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
        lines.append(json.dumps(line, ensure_ascii=ascii_only, separators=separators).encode() + b"\n")
    changed = draw(st.integers(0, len(lines) - 1))
    cut = draw(st.integers(0, len(lines[changed])))
    lines[changed] = (
        lines[changed][:cut] + draw(st.sampled_from([b"", b'"', b"\\", b"x"])) + lines[changed][cut:]
    )
    return b"".join(lines)


def indexed(content: bytes) -> Any:
    try:
        index = LineIndexer(DOCUMENTED).index(io.BytesIO(content))
    except NotUtf8Error:
        return "not UTF-8"
    return {name: value for name, value in vars(index).items() if name != "total_prompt_tokens"}


@settings(max_examples=300, deadline=None)
@given(files())
def test_templates_change_nothing_about_an_index(content: bytes) -> None:
    quick = indexed(content)
    with patch.object(line_index, "template_of", return_value=None):
        slow = indexed(content)

    assert quick == slow


def test_templates_are_used_for_lines_of_one_program(api: Any) -> None:
    content = b"".join(api.line(number) for number in range(100))
    with patch.object(
        LineIndexer, "_read_slowly", autospec=True, side_effect=LineIndexer._read_slowly
    ) as slowly:
        index = LineIndexer(DOCUMENTED).index(io.BytesIO(content))

    assert (len(index), slowly.call_count) == (100, 1)


def test_the_digest_of_a_line_is_that_of_its_body(api: Any) -> None:
    content = b"".join(api.line(number) for number in range(10))
    index = LineIndexer(DOCUMENTED).index(io.BytesIO(content))

    assert [index.digest(number) for number in range(10)] == [
        digest(api.body(number)) for number in range(10)
    ]
