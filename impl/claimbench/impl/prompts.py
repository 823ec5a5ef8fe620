"""What is asked: the system prompt of each processing type, and a session's messages as one text."""

from collections.abc import Iterable
from dataclasses import dataclass

from claimbench.impl.statuses import ProcessingType

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
