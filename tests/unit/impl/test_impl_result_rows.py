"""The short way of reading result lines is the long one, wherever it takes a line at all."""

import json
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.errors import LineError
from claimbench.impl.jsonl import result_line
from claimbench.impl.lifecycle import outcome_of_line
from claimbench.impl.optimized.result_rows import settlement_of_line, usual_settlement
from claimbench.impl.optimized.settling import COLUMNS, Settlement, settlement, staged
from claimbench.impl.prices import PRICES, PriceFactor, cost_micros
from claimbench.impl.prompts import ANSWER_KEYS
from claimbench.impl.result_files import EndedBatch
from claimbench.impl.statuses import BatchStatus, ProcessingType

BATCH = EndedBatch(
    7, "gpt-4o", BatchStatus.COMPLETED, None, "b", "o", None, 1, datetime(2026, 1, 1, tzinfo=UTC)
)


def line_of(kind: ProcessingType, answer: object, **changed: Any) -> bytes:
    message = {"role": "assistant", "content": answer if isinstance(answer, str) else json.dumps(answer)}
    body = {"choices": [{"message": message}], "usage": {"prompt_tokens": 80, "completion_tokens": 13}}
    response = {"status_code": 200, "body": body | changed.pop("body", {})} | changed.pop("response", {})
    line = {"custom_id": f"{kind.value.lower()}-41", "response": response, "error": None} | changed
    return json.dumps(line).encode()


def the_long_way(raw: bytes) -> Settlement:
    line = result_line(raw)
    return settlement(line.custom_id.request_id, BATCH.id, outcome_of_line(line, BATCH.model))


ANSWER = {"sentiment": "POSITIVE", "category": "SALES", "summary": 'A "word" \n ü', "language": "en"}


@pytest.mark.parametrize("kind", ProcessingType)
def test_a_usual_line_is_read_by_the_short_way(kind: ProcessingType) -> None:
    raw = line_of(kind, {key: ANSWER[key] for key in ANSWER_KEYS[kind]})

    assert usual_settlement(raw, BATCH) == the_long_way(raw)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**33),
    st.floats(),
    st.text(max_size=5),
    st.just({}),
    st.just([]),
)
CHANGES = st.one_of(
    st.fixed_dictionaries({"error": VALUES}),
    st.fixed_dictionaries(
        {
            "custom_id": st.one_of(
                VALUES, st.sampled_from(["summary-041", "summary--1", "nobody-7", "SUMMARY-7"])
            )
        }
    ),
    st.fixed_dictionaries({"response": st.fixed_dictionaries({"status_code": VALUES})}),
    st.fixed_dictionaries(
        {
            "body": st.fixed_dictionaries(
                {
                    "usage": st.one_of(
                        VALUES, st.fixed_dictionaries({"prompt_tokens": VALUES, "completion_tokens": VALUES})
                    )
                }
            )
        }
    ),
    st.fixed_dictionaries({"body": st.fixed_dictionaries({"choices": VALUES})}),
    st.just({}),
)
ANSWERS = st.one_of(
    VALUES,
    st.text(max_size=9),
    st.fixed_dictionaries({key: st.one_of(VALUES, st.just(ANSWER[key])) for key in ANSWER}),
    st.sampled_from(
        ['{"summary": NaN}', '{"summary": "\\u0000"}', '{"summary": "\\ud800"}', '{"summary": "a"} x']
    ),
)


@given(st.sampled_from(ProcessingType), ANSWERS, CHANGES)
def test_both_ways_say_the_same_of_any_line(
    kind: ProcessingType, answer: object, changed: dict[str, Any]
) -> None:
    raw = line_of(kind, answer, **changed)
    try:
        expected = the_long_way(raw)
    except LineError:
        with pytest.raises(LineError):
            settlement_of_line(raw, BATCH)
        return

    assert settlement_of_line(raw, BATCH) == (expected[0], expected)


@given(
    st.sampled_from(sorted(PRICES)),
    st.sampled_from(PriceFactor),
    st.integers(0, 2**31),
    st.integers(0, 2**31),
)
def test_a_cost_in_millionths_is_rounded_as_a_decimal_is(
    model: str, channel: PriceFactor, prompt: int, completion: int
) -> None:
    price = PRICES[model]
    exact = (price.prompt * prompt + price.completion * completion) * channel.value

    assert cost_micros(model, channel, prompt, completion) == round(exact)


def fields_of(row: bytes) -> list[bytes | None]:
    """Read a row of binary COPY: a count, then each field after its length, -1 for NULL."""
    (count,), at, found = struct.unpack_from("!h", row), 2, list[bytes | None]()
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row, at)
        at += 4
        found.append(None if length < 0 else row[at : at + length])
        at += max(length, 0)
    assert at == len(row)
    return found


def binary(value: object, column: str) -> bytes | None:
    if isinstance(value, int):
        is_wide = column in {"requests", "batches", "micros"}
        return value.to_bytes(8 if is_wide else 4, "big", signed=True)
    return str(value).encode() if value is not None else None


WORDS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
SMALL, WIDE = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)), st.integers(-(2**63), 2**63 - 1)


@given(
    st.tuples(WIDE, st.one_of(st.none(), WIDE), st.text("ABC_"), WORDS, SMALL, SMALL),
    st.tuples(st.one_of(st.none(), WIDE), WORDS, WORDS, WORDS, WORDS, st.integers(0, 9)),
)
def test_a_row_that_is_staged_holds_each_column_as_postgres_reads_it(first: Any, last: Any) -> None:
    row: Settlement = (*first, *last)

    found = fields_of(staged(row))

    assert found == [binary(value, column) for value, column in zip(row, COLUMNS, strict=True)]
