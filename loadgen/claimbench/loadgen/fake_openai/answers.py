"""What the model says: chosen by a draw, in the form that the prompt asked for."""

from dataclasses import dataclass
from functools import lru_cache

import orjson

from claimbench.loadgen.fake_openai.model_requests import ModelRequest, text_tokens

SENTIMENTS = ("POSITIVE", "NEUTRAL", "NEGATIVE")
CATEGORIES = ("SALES", "SUPPORT", "BILLING", "COMPLAINT", "FEEDBACK", "OTHER")
LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt", "pl")

_TOPICS = (
    "a delayed delivery",
    "an invoice that was charged twice",
    "how to change the delivery address",
    "the price of the yearly plan",
    "a login that kept failing",
    "the return of a damaged item",
    "an upgrade of the subscription",
    "missing features in the mobile app",
)
_ENDINGS = (
    "The agent solved it at once.",
    "The agent promised an answer by e-mail within two days.",
    "A refund was agreed.",
    "The customer will try again and report back.",
    "The case was handed to a specialist.",
    "No further action was needed.",
    "The customer thanked the agent.",
    "The question stayed open.",
)
VARIANTS = len(SENTIMENTS) * len(CATEGORIES) * len(LANGUAGES) * len(_TOPICS) * len(_ENDINGS)
"""How many answers there are to one request: draws that differ by a multiple of it give the same one."""


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """The text of one choice, its tokens, and why it ended: `stop`, or `length` at the asked limit."""

    text: str
    tokens: int
    finish_reason: str


def answer(model_request: ModelRequest, draw: int) -> GeneratedText:
    """The first choice that a draw makes for a request."""
    return _answer(
        model_request.keys, model_request.json, model_request.completion_tokens_max, draw % VARIANTS
    )


def choices(model_request: ModelRequest, draw: int) -> tuple[GeneratedText, ...]:
    """As many choices as were asked for."""
    return tuple(answer(model_request, draw + 7919 * number) for number in range(model_request.choices))


@lru_cache(maxsize=4 * VARIANTS)
def _answer(keys: tuple[str, ...], json: str, tokens_max: int, variant: int) -> GeneratedText:
    text = _text(keys, json, variant)
    tokens = text_tokens(text)
    if 0 < tokens_max < tokens:
        return GeneratedText(text[: 4 * tokens_max], tokens_max, "length")
    return GeneratedText(text, tokens, "stop")


def _text(keys: tuple[str, ...], json: str, variant: int) -> str:
    if keys:
        return orjson.dumps({key: _value(key, variant) for key in keys}).decode()
    if json in ("json_object", "json_schema"):
        return orjson.dumps({"answer": _summary(variant)}).decode()
    return _summary(variant)


def _value(key: str, variant: int) -> str:
    rest, sentiment = divmod(variant, len(SENTIMENTS))
    rest, category = divmod(rest, len(CATEGORIES))
    if key == "sentiment":
        return SENTIMENTS[sentiment]
    if key == "category":
        return CATEGORIES[category]
    if key == "language":
        return LANGUAGES[rest % len(LANGUAGES)]
    return _summary(variant)


def _summary(variant: int) -> str:
    rest = variant // (len(SENTIMENTS) * len(CATEGORIES) * len(LANGUAGES))
    rest, topic = divmod(rest, len(_TOPICS))
    return f"The customer asked about {_TOPICS[topic]}. {_ENDINGS[rest % len(_ENDINGS)]}"


def plain_word(draw: int) -> str:
    """An answer that is no JSON at all, for the faults that need one."""
    return f"I am sorry, I cannot put this into a form. {_ENDINGS[draw % len(_ENDINGS)]}"
