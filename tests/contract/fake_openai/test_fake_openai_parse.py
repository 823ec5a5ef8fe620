"""`parse()` of the official client gets what it asked for, from chat completions, responses and functions."""

from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

import openai
import pytest
from pydantic import BaseModel, Field

from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.respx_adapter import serving


class Flat(BaseModel):
    sentiment: str
    score: int
    share: float
    sure: bool


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Chosen(BaseModel):
    colour: Colour
    size: Literal["s", "m", "l"]


class MaybeNothing(BaseModel):
    note: str | None
    number: int | None


class Bounded(BaseModel):
    stars: Annotated[int, Field(ge=1, le=5)]
    price: Annotated[float, Field(gt=0, lt=100)]
    even: Annotated[int, Field(multiple_of=2)]


class Listed(BaseModel):
    tags: Annotated[list[str], Field(min_length=2, max_length=3)]
    items: list[Flat]


class Dated(BaseModel):
    day: date
    moment: datetime
    key: UUID


class Patterned(BaseModel):
    user: Annotated[str, Field(pattern=r"^@[a-z]{3,8}$")]


class Branch(BaseModel):
    name: str
    children: list["Branch"]


class Circle(BaseModel):
    kind: Literal["circle"]
    radius: float


class Square(BaseModel):
    kind: Literal["square"]
    side: float


class Shape(BaseModel):
    shape: Circle | Square


class Nested(BaseModel):
    outer: Chosen
    inner: list[MaybeNothing]
    shape: Shape


TYPES = (Flat, Chosen, MaybeNothing, Bounded, Listed, Dated, Patterned, Branch, Shape, Nested)


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    fake = FakeOpenAI(seed=3, clock=lambda: 1_700_000_000.0)
    with serving(fake), openai.OpenAI(api_key="k", max_retries=0) as client:
        yield client
    fake.close()


@pytest.mark.parametrize("wanted", TYPES)
def test_a_chat_completion_is_parsed_into_the_type_that_was_asked_for(
    client: openai.OpenAI, wanted: type[BaseModel]
) -> None:
    for _ in range(10):
        answer = client.chat.completions.parse(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], response_format=wanted
        )

        assert isinstance(answer.choices[0].message.parsed, wanted)


@pytest.mark.parametrize("wanted", TYPES)
def test_a_response_is_parsed_into_the_type_that_was_asked_for(
    client: openai.OpenAI, wanted: type[BaseModel]
) -> None:
    for model in ("gpt-4o-mini", "o4-mini"):
        answer = client.responses.parse(model=model, input="hi", text_format=wanted)

        assert isinstance(answer.output_parsed, wanted)


@pytest.mark.parametrize("wanted", TYPES)
def test_a_function_is_called_with_the_type_that_was_asked_for(
    client: openai.OpenAI, wanted: type[BaseModel]
) -> None:
    answer = client.chat.completions.parse(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "hi"}],
        tools=[openai.pydantic_function_tool(wanted)],
        tool_choice="required",
    )
    (call,) = answer.choices[0].message.tool_calls

    assert isinstance(call.function.parsed_arguments, wanted)
