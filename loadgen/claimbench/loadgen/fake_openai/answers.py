"""What the model says: chosen by a draw, in the form that the request asked for."""

from dataclasses import dataclass
from functools import lru_cache

import orjson

from claimbench.loadgen.fake_openai.model_requests import ModelRequest, text_tokens
from claimbench.loadgen.fake_openai.schema_values import written

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


_BREAKS = (
    "\u2028",
    " 🙂\u2028",
    "\u0085",
    " —\u2029",
    "\n\u2028",
    " 👍🏽\u0085",
    " … \u2028",
    "\u2028„So?“ ",
)
"""What stands between two sentences of free text: real answers hold it, some readers cut at it."""

_SIGNS = (" 🙂 ", " — ", " … ", " „So?“ ", " 👍🏽 ", " é ", " 日本 ")

_THOUGHT_TOKENS = {"low": 64, "medium": 128, "high": 512, "xhigh": 1024}


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """What one choice says, its tokens, and why it ended: `stop`, `tool_calls`, or `length` at the limit.

    `function` is the one that it calls, with the text as arguments; empty for a message. `reasoning_tokens`
    are those of the tokens that were thought and not written.
    """

    text: str
    tokens: int
    finish_reason: str
    function: str = ""
    reasoning_tokens: int = 0


def answer(model_request: ModelRequest, draw: int) -> GeneratedText:
    """The first choice that a draw makes for a request."""
    return _answer(model_request, draw % VARIANTS)


def choices(model_request: ModelRequest, draw: int) -> tuple[GeneratedText, ...]:
    """As many choices as were asked for."""
    return tuple(answer(model_request, draw + 7919 * number) for number in range(model_request.choices))


def messages_of(said: GeneratedText, model_request: ModelRequest, draw: int) -> tuple[str, ...]:
    """The texts of a response's messages: one, and in about one of 400 responses two."""
    if draw % VARIANTS % _RARELY or not said.text:
        return (said.text,)
    if model_request.schema or model_request.json == "json_object":
        return (said.text, said.text)
    middle = said.text.find(" ", len(said.text) // 2)
    return (said.text[:middle], said.text[middle:]) if middle > 0 else (said.text,)


_RARELY = 400


@lru_cache(maxsize=4 * VARIANTS)
def _answer(model_request: ModelRequest, variant: int) -> GeneratedText:
    functions, limit = model_request.functions, model_request.completion_tokens_max
    called = functions[variant % len(functions)] if functions else None
    text = written(called.schema, variant, _wording) if called else _text(model_request, variant)
    thought = _THOUGHT_TOKENS.get(model_request.effort, 0)
    thought += thought and 64 * (variant % 3)
    text = _stopped(text, model_request.stops)
    tokens, name = text_tokens(text) + thought, called.name if called else ""
    if 0 < limit < tokens:
        return GeneratedText(text[: 4 * max(0, limit - thought)], limit, "length", name, min(thought, limit))
    finish_reason = "tool_calls" if called and not model_request.is_forced_call else "stop"
    return GeneratedText(text, tokens, finish_reason, name, thought)


def _stopped(text: str, stops: tuple[str, ...]) -> str:
    """The text before the first of the stops."""
    return text[
        : min([place for stop in stops if stop and (place := text.find(stop)) >= 0], default=len(text))
    ]


def _text(model_request: ModelRequest, variant: int) -> str:
    if model_request.schema:
        return written(model_request.schema, variant, _wording)
    if model_request.keys:
        return orjson.dumps({key: _value(key, variant) for key in model_request.keys}).decode()
    if model_request.json in ("json_object", "json_schema"):
        return orjson.dumps({"answer": _phrase(variant)}).decode()
    return _remark(variant)


def _wording(name: str, number: int) -> str:
    """What a property of a schema says: a value that goes with its name, or a remark."""
    said = _value(name, number)
    return _phrase(number) if name not in ("sentiment", "category", "language") else said


def _phrase(variant: int) -> str:
    """A summary as strings in JSON have it: with signs of any language, and no breaks."""
    first, _, second = _summary(variant).partition(". ")
    return f"{first}.{_SIGNS[variant % len(_SIGNS)]}{second}"


def _remark(variant: int) -> str:
    """A summary in the signs of any language, with breaks that are no ends of lines of a file."""
    first, _, second = _summary(variant).partition(". ")
    return f"{first}.{_BREAKS[variant % len(_BREAKS)]}{second}"


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
