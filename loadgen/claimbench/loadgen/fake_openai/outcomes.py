"""How the model ends one request: with an answer, or with an error, as the draw and the faults have it."""

from collections.abc import Iterable
from dataclasses import dataclass

from claimbench.loadgen.fake_openai.answers import Answer, choices, plain_word
from claimbench.loadgen.fake_openai.asks import Ask, Endpoint, text_tokens
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.replies import Asked, chat_completion, completion_tokens, reply
from claimbench.loadgen.fake_openai.triggers import Occasion
from claimbench.loadgen.fake_openai.wire import JsonObject, Refusal

_HALF = 1 << 32
_RETRY_SOON = {"retry-after-ms": "5"}
"""Failures by rate are for measuring pipelines, not the client's patience."""

SERVER_ERROR = Refusal(
    500,
    "The server had an error while processing your request. Sorry about that!",
    type="server_error",
    headers=_RETRY_SOON,
)
_OVERLOADED = Refusal(
    503,
    "The engine is currently overloaded, please try again later.",
    type="server_error",
    code="overloaded",
    headers=_RETRY_SOON,
)
_BAD_PROMPT = Refusal(
    400,
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy. "
    "Please try again with a different prompt.",
    code="invalid_prompt",
)
_RATE_LIMITED = Refusal(
    429,
    "Rate limit reached for requests. Please try again later.",
    type="requests",
    code="rate_limit_exceeded",
    headers=_RETRY_SOON,
)
_FAILURES = (SERVER_ERROR, SERVER_ERROR, _OVERLOADED, _RATE_LIMITED, _BAD_PROMPT)


@dataclass(frozen=True, slots=True)
class Model:
    """The model of one run: fails this share of (body, attempt) pairs."""

    failed_line_rate: float

    @property
    def _bound(self) -> float:
        """Below which the lower half of a draw means failure."""
        return self.failed_line_rate * _HALF

    def unlucky(self, draws: Iterable[int]) -> list[int]:
        """The positions of the draws by which a request fails."""
        bound = self._bound
        return [place for place, draw in enumerate(draws) if draw % _HALF < bound] if bound else []

    def failure(self, asked: Ask, draw: int, occasion: Occasion) -> Refusal | None:
        """The error that ends a request; None when it is answered."""
        if asked.problem is not None:
            return asked.problem
        if occasion.faults:
            fault = occasion.of(FaultKind.LINE_ERROR, FaultKind.ALL_LINES_FAILED)
            if fault is not None:
                return refusal_of(fault.status, fault.code)
        if draw % _HALF < self._bound:
            return _FAILURES[(draw >> 32) % len(_FAILURES)]
        return None


def refusal_of(status: int, code: str | None = None) -> Refusal:
    """A typical error of a status."""
    for known in (SERVER_ERROR, _OVERLOADED, _BAD_PROMPT, _RATE_LIMITED):
        if known.status == status:
            return Refusal(status, known.message, known.type, None, code or known.code, known.headers)
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return Refusal(status, f"The request ended with status {status}.", kind, None, code)


def answered(asked: Asked, occasion: Occasion) -> JsonObject:
    """The body of the reply to a request that is answered."""
    twisted = _twisted(asked, occasion)
    return reply(asked) if twisted is None else chat_completion(asked, twisted)


def answer_tokens(asked: Asked, occasion: Occasion) -> int:
    """The output tokens of that reply."""
    twisted = _twisted(asked, occasion)
    return completion_tokens(asked.ask, asked.draw) if twisted is None else sum(one.tokens for one in twisted)


def _twisted(asked: Asked, occasion: Occasion) -> tuple[Answer, ...] | None:
    fault = occasion.of(FaultKind.ANSWER_NOT_JSON, FaultKind.ANSWER_OFF_SCHEMA) if occasion.faults else None
    if fault is None or asked.ask.endpoint != Endpoint.CHAT:
        return None
    text = plain_word(asked.draw) if fault.kind is FaultKind.ANSWER_NOT_JSON else '{"mood":"fine","score":11}'
    return tuple(Answer(text, text_tokens(text), "stop") for _ in choices(asked.ask, asked.draw))
