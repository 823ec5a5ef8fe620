"""What comes back: the JSON that each processing type asks for, read and checked."""

import json
from dataclasses import dataclass

from claimbench.impl.errors import AnswerError
from claimbench.impl.prompts import ANSWER_KEYS
from claimbench.impl.statuses import ProcessingType

SENTIMENTS = frozenset({"POSITIVE", "NEUTRAL", "NEGATIVE"})


@dataclass(frozen=True, slots=True)
class Answer:
    """The fields that an answer gives to its session; None where it was not asked."""

    sentiment: str | None = None
    category: str | None = None
    summary: str | None = None
    language: str | None = None


def read_answer(processing_type: ProcessingType, content: str) -> Answer:
    """The answer in `content`; AnswerError when it is not the JSON that was asked for."""
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise AnswerError("the answer is not JSON") from error
    if not isinstance(fields, dict):
        raise AnswerError("the answer is not a JSON object")
    answer = Answer(**{key: _field(fields, key) for key in ANSWER_KEYS[processing_type]})
    if answer.sentiment is not None and answer.sentiment not in SENTIMENTS:
        raise AnswerError(f"the answer's sentiment {answer.sentiment[:40]!r} is not one")
    return answer


def _field(fields: dict[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise AnswerError(f"the answer lacks {key!r}")
    if not _storable(value):
        raise AnswerError(f"the answer's {key!r} holds characters that no UTF-8 text can")
    return value


def _storable(text: str) -> bool:
    """Postgres refuses NUL, UTF-8 refuses lone surrogates; JSON can smuggle in both."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
