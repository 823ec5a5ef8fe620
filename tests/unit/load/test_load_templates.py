import json
import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.scenarios.templates import (
    Arrival,
    json_drawn,
    json_template,
    template_of,
    variables,
    with_environment,
)


def arrival(position: int = 7, seed: int = 1) -> Arrival:
    return Arrival(position, "a1b2", random.Random(seed))  # noqa: S311 (no secret)


def drawn(text: str, seed: int = 1) -> object:
    return template_of(text).value(arrival(seed=seed))


@given(st.integers(0, 1_000))
def test_the_same_chance_draws_the_same_value_and_stays_in_its_range(seed: int) -> None:
    value = drawn("{int:-3..12}", seed)

    assert value == drawn("{int:-3..12}", seed)
    assert isinstance(value, int)
    assert -3 <= value <= 12


def test_a_placeholder_alone_keeps_its_type_and_among_text_it_is_text() -> None:
    body = json_template(
        {"a": "{int:4..4}", "b": "no {int:4..4}", "c": ["{null}", "{bool}", 5], "d": {"e": "x"}}
    )
    found = json_drawn(body, arrival())

    assert isinstance(found, dict)
    assert found | {"c": None} == {"a": 4, "b": "no 4", "c": None, "d": {"e": "x"}}
    assert isinstance(found["c"], list)
    assert found["c"][0] is None
    assert found["c"][1] in (True, False)
    assert json.loads(json.dumps(found)) == found


def test_each_placeholder_draws_what_it_says() -> None:
    assert drawn("{pick:red|red}") == "red"
    assert 0.5 <= float(str(drawn("{float:0.5..2}"))) <= 2
    assert len(str(drawn("{words:3..3}")).split()) == 3
    assert len(str(drawn("{hex:16}"))) == 16
    assert uuid.UUID(str(drawn("{uuid}"))).version == 4
    assert drawn("{position}") == 7
    assert drawn("{run}-{position}") == "a1b2-7"


def test_doubled_braces_are_braces() -> None:
    assert drawn("{{int:1..2}} {{}}") == "{int:1..2} {}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{int:9..1}", "{int:1..100}"),
        ("{int}", "{int:1..100}"),
        ("{uuid:4}", "{uuid}"),
        ("{pick:a|}", "{pick:red|green}"),
        ("{env:}", "{env:NAME}"),
        ("{s3cret}", "known are"),
        ("s3cret {", "a brace that belongs to no placeholder"),
        ("} s3cret", "a brace that belongs to no placeholder"),
    ],
)
def test_a_wrong_placeholder_is_told_with_what_would_be_right_and_the_text_is_not_repeated(
    text: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told.replace("{", r"\{").replace("|", r"\|")) as refused:
        template_of(text)

    assert "s3cret" not in str(refused.value)


def test_a_wrong_text_in_a_body_is_told_by_its_place() -> None:
    with pytest.raises(ValueError, match=r"^items\.1\.note: "):
        json_template({"items": [{"note": "fine"}, {"note": "{wrong}"}]})


def test_a_variables_value_is_put_in_as_plain_text() -> None:
    body = {"user": "ann", "password": "{env:PW}", "others": ["{{env:NO}}", "x {env:TWO}"]}
    found = with_environment(body, {"PW": "a{int:1..2}b", "TWO": "2"})

    assert variables(body) == {"PW", "TWO"}
    assert json_drawn(json_template(found), arrival()) == {
        "user": "ann",
        "password": "a{int:1..2}b",
        "others": ["{env:NO}", "x 2"],
    }
