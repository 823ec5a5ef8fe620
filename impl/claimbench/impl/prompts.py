"""What is asked, and what must come back: the prompt of each processing type, and its answer's JSON."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from claimbench.impl.errors import AnswerError
from claimbench.impl.statuses import ProcessingType
from claimbench.impl.storable import is_storable

ANSWER_KEYS = {
    ProcessingType.SENTIMENT_ANALYSIS: ("sentiment",),
    ProcessingType.CATEGORIZATION: ("category",),
    ProcessingType.SUMMARY: ("summary",),
    ProcessingType.FULL_ANALYSIS: ("sentiment", "category", "summary", "language"),
}

_TASKS = {
    ProcessingType.SENTIMENT_ANALYSIS: (
        "Judge the mood of the customer in the conversation: POSITIVE, NEUTRAL or NEGATIVE."
    ),
    ProcessingType.CATEGORIZATION: (
        "Say what the conversation is about: SALES, SUPPORT, BILLING, COMPLAINT, FEEDBACK or OTHER."
    ),
    ProcessingType.SUMMARY: "Summarize the conversation in one or two sentences.",
    ProcessingType.FULL_ANALYSIS: (
        "Judge the customer's mood (POSITIVE, NEUTRAL, NEGATIVE), name the topic (SALES, SUPPORT, BILLING, "
        "COMPLAINT, FEEDBACK, OTHER), summarize in one or two sentences, and give the language as an "
        "ISO 639-1 code."
    ),
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of a session: who spoke, and the words (None where a row holds none)."""

    role: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request as it is sent, through a batch or alone."""

    model: str
    processing_type: ProcessingType
    transcript: str

    def body(self) -> dict[str, object]:
        """The body of a chat completion, in the API's own shape."""
        return {
            "model": self.model,
            "messages": [
                {"role": "system", "content": system_prompt(self.processing_type)},
                {"role": "user", "content": self.transcript},
            ],
            "response_format": {"type": "json_object"},
        }


def system_prompt(processing_type: ProcessingType) -> str:
    """The instruction; its last line names the JSON keys that the answer must have."""
    keys = ", ".join(ANSWER_KEYS[processing_type])
    return f"{_TASKS[processing_type]}\nAnswer with the JSON keys: {keys}"


def transcript(utterances: Iterable[Utterance]) -> str:
    """The messages in their order, as `role: content` lines."""
    return "\n".join(f"{said.role}: {said.content or ''}" for said in utterances)


TRANSCRIPT_SQL = """CROSS JOIN LATERAL (
        SELECT string_agg(role || ': ' || coalesce(content, ''), E'\\n' ORDER BY position) AS content
        FROM message WHERE message.session_id = request.session_id
    ) AS transcript"""
"""What `transcript` makes of a session's messages, as SQL; one test holds both to one table."""

SENTIMENTS = frozenset({"POSITIVE", "NEUTRAL", "NEGATIVE"})


@dataclass(frozen=True, slots=True)
class AnswerFields:
    """The fields that an answer gives to its session; None where it was not asked."""

    sentiment: str | None = None
    category: str | None = None
    summary: str | None = None
    language: str | None = None


def read_answer(processing_type: ProcessingType, content: str) -> AnswerFields:
    """The answer in `content`; AnswerError when it is not the JSON that was asked for."""
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise AnswerError("the answer is not JSON") from error
    if not isinstance(fields, dict):
        raise AnswerError("the answer is not a JSON object")
    answer = AnswerFields(**{key: _field(fields, key) for key in ANSWER_KEYS[processing_type]})
    if answer.sentiment is not None and answer.sentiment not in SENTIMENTS:
        raise AnswerError(f"the answer's sentiment {answer.sentiment[:40]!r} is not one")
    return answer


def _field(fields: dict[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise AnswerError(f"the answer lacks {key!r}")
    if not is_storable(value):
        raise AnswerError(f"the answer's {key!r} holds characters that no UTF-8 text can")
    return value
