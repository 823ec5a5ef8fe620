from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.scenarios.grammar import (
    AtLeast,
    Claimed,
    CountChange,
    IntegerRange,
    Reduction,
    Used,
    duration_text,
    parse_claimed,
    parse_duration,
    parse_range,
)

percents = st.floats(0, 100, allow_subnormal=False)
durations = st.timedeltas(timedelta(microseconds=1), timedelta(days=366))
ranges = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(sorted)
claims = st.one_of(
    st.tuples(percents, percents).map(lambda ends: Reduction(min(ends), max(ends))),
    st.builds(CountChange, st.none() | st.integers(0, 10**6), st.integers(0, 10**6)),
    st.builds(AtLeast, percents),
    st.just(Used()),
)


@given(durations)
def test_a_duration_prints_to_text_that_parses_back(duration: timedelta) -> None:
    assert parse_duration(duration_text(duration)) == duration


@given(ranges)
def test_a_range_prints_to_text_that_parses_back(ends: list[int]) -> None:
    found = IntegerRange(*ends)

    assert parse_range(str(found)) == found


@given(claims)
def test_a_claim_prints_to_text_that_parses_back(claimed: Claimed) -> None:
    assert parse_claimed(str(claimed)) == claimed


@given(st.text(max_size=30))
def test_any_other_text_is_refused_with_a_sentence_or_understood(text: str) -> None:
    for parse in (parse_duration, parse_range, parse_claimed):
        assert len(said_of(parse, text)) > 3


def said_of(parse: Callable[[object], object], text: str) -> str:
    """The value's text, or the sentence of its refusal; any other error is a fault of the parser."""
    try:
        return f"understood {parse(text)}"
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5min", 300),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5h", 5400),
        ("90", 90),
        (90, 90),
        (0.5, 0.5),
        ("250 ms", 0.25),
    ],
)
def test_a_duration_is_written_as_people_write_it(text: object, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "value",
    ["", "5 parsecs", "min", "-5min", "0s", 0, -1, True, "1e3", "inf", float("nan"), 1e300, "9999d", None],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@pytest.mark.parametrize("value", ["24..4", "4-24", "-1..3", "", "4..", True, -3, 1.5, None])
def test_what_is_no_range_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="range"):
        parse_range(value)


def test_a_range_upside_down_is_refused_with_the_right_way_up() -> None:
    with pytest.raises(ValueError, match=r"24\.\.4 is upside down: write 4\.\.24"):
        parse_range("24..4")


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("reduction 60..80 %", Reduction(60, 80)),
        ("reduction 62.5 .. 80%", Reduction(62.5, 80)),
        ("4 -> 1", CountChange(4, 1)),
        ("N -> 1", CountChange(None, 1)),
        ("4->0", CountChange(4, 0)),
        (">= 95 %", AtLeast(95)),
        (" used ", Used()),
    ],
)
def test_each_form_of_claim_is_read(text: str, claimed: Claimed) -> None:
    assert parse_claimed(text) == claimed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reduction 80..60 %", "write 60..80 %"),
        ("reduction 60..120 %", "impossible"),
        (">= 101 %", "impossible"),
        ("n -> 1", "no claim"),
        ("4 -> -1", "no claim"),
        ("about half", "no claim"),
        (4, "no claim"),
    ],
)
def test_what_cannot_be_claimed_is_refused(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_claimed(text)
