"""The lines of the Batch API's files, and the answers in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.errors import AnswerError, LineError
from claimbench.impl.jsonl import CustomId, request_line, result_line
from claimbench.impl.openai_api import split_lines
from claimbench.impl.prompts import ANSWER_KEYS, Prompt, Utterance, read_answer, system_prompt, transcript
from claimbench.impl.statuses import ProcessingType

ids = st.builds(CustomId, st.integers(0, 2**63 - 1), st.sampled_from(ProcessingType))
words = st.text(st.characters(exclude_categories=["Cs"]))


@given(ids)
def test_a_custom_id_survives_the_round_trip(custom_id: CustomId) -> None:
    assert CustomId.parse(str(custom_id)) == custom_id


@given(st.one_of(st.text(), st.none(), st.integers()))
def test_a_custom_id_that_we_did_not_write_is_refused_or_reads_back(text: object) -> None:
    try:
        parsed = CustomId.parse(text)
    except LineError:
        return

    assert str(parsed) == text


@given(ids, words)
def test_any_text_makes_one_valid_line(custom_id: CustomId, content: str) -> None:
    line = request_line(custom_id, Prompt("gpt-4o-mini", custom_id.processing_type, content))

    assert line.count(b"\n") == 1
    assert json.loads(line)["body"]["messages"][1]["content"] == content


@given(st.binary())
def test_any_bytes_are_a_result_line_or_a_line_error(raw: bytes) -> None:
    try:
        result_line(raw)
    except LineError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "custom_id",
                        "response",
                        "error",
                        "body",
                        "choices",
                        "message",
                        "content",
                        "usage",
                        "code",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_a_result_line_or_a_line_error(value: object) -> None:
    try:
        line = result_line(json.dumps(value).encode())
    except LineError:
        return

    assert line.prompt_tokens >= 0


def result(status: int, body: object, error: object = None) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body} if status >= 0 else None
    return json.dumps({"id": "b", "custom_id": "summary-7", "response": response, "error": error}).encode()


def test_an_answer_is_read_with_its_tokens() -> None:
    body = {
        "choices": [{"message": {"content": "{}"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }

    line = result_line(result(200, body))

    assert (line.answered, line.prompt_tokens, line.completion_tokens) == (True, 5, 2)


def test_a_refusal_is_no_answer_though_its_top_level_error_is_null() -> None:
    line = result_line(result(400, {"error": {"code": "context_length_exceeded", "message": "too long"}}))

    assert not line.answered
    assert line.error_code == "context_length_exceeded"


def test_a_lost_request_with_status_0_is_no_answer() -> None:
    assert not result_line(result(0, {})).answered


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b""))), st.integers(1, 7))
def test_lines_do_not_depend_on_how_the_bytes_arrive(lines: list[bytes], size: int) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    chunks = [whole[i : i + size] for i in range(0, len(whole), size)]

    assert list(split_lines(chunks)) == lines
    assert list(split_lines([*chunks, b"and a last one"])) == [*lines, b"and a last one"]


def test_a_line_separator_inside_json_does_not_end_the_line() -> None:
    assert list(split_lines(["a\u2028b\x85c\n".encode()])) == ["a\u2028b\x85c".encode()]


def test_a_transcript_has_a_line_for_each_message_even_without_content() -> None:
    said = [Utterance("user", "Hi"), Utterance("assistant", None)]

    assert transcript(said) == "user: Hi\nassistant: "


@pytest.mark.parametrize("kind", ProcessingType)
def test_a_system_prompt_ends_with_the_keys_that_it_asks_for(kind: ProcessingType) -> None:
    assert (
        system_prompt(kind).splitlines()[-1] == f"Answer with the JSON keys: {', '.join(ANSWER_KEYS[kind])}"
    )


GOOD = {"sentiment": "POSITIVE", "category": "SALES", "summary": "It went well.", "language": "en"}


@pytest.mark.parametrize("kind", ProcessingType)
def test_an_answer_gives_only_what_was_asked(kind: ProcessingType) -> None:
    answer = read_answer(kind, json.dumps(GOOD))

    given_fields = {key for key in GOOD if getattr(answer, key) is not None}
    assert given_fields == set(ANSWER_KEYS[kind])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no",
        "[]",
        "{}",
        '{"sentiment": 3}',
        '{"sentiment": "GLAD"}',
        '{"sentiment": " "}',
        '{"sentiment": "\\u0000"}',
        '{"sentiment": "\\ud800"}',
    ],
)
def test_an_answer_that_is_not_what_was_asked_is_refused(content: str) -> None:
    with pytest.raises(AnswerError):
        read_answer(ProcessingType.SENTIMENT_ANALYSIS, content)


def test_text_that_no_database_can_store_is_refused() -> None:
    with pytest.raises(AnswerError, match="no UTF-8"):
        read_answer(ProcessingType.SUMMARY, '{"summary": "a\\u0000b"}')
