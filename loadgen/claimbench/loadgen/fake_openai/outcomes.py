"""How the model ends one request: with an answer, or with an error, as the draw and the faults have it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.answers import GeneratedText, choices, plain_word
from claimbench.loadgen.fake_openai.fault_injection import ActiveFaults
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint, ModelRequest, text_tokens
from claimbench.loadgen.fake_openai.replies import ReplyInput, chat_completion, completion_tokens, reply
from claimbench.loadgen.fake_openai.wire import (
    BAD_PROMPT,
    OVERLOADED,
    RATE_LIMITED,
    SERVER_ERROR,
    JsonObject,
    Refusal,
    refusal_of,
)

_HALF = 1 << 32
_NOT_ASCII = re.compile(r"[^\x20-\x7e]+")
_FAILURES = (SERVER_ERROR, SERVER_ERROR, OVERLOADED, RATE_LIMITED, BAD_PROMPT)


@dataclass(frozen=True, slots=True)
class Model:
    """The model of one run: fails this share of (body, attempt) pairs."""

    failed_line_rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.failed_line_rate <= 1:
            told = f"{self.failed_line_rate} is not a share"
            raise UsageError(told, where="failed_line_rate", remedy="use a number from 0 to 1")

    @property
    def _bound(self) -> float:
        """Below which the lower half of a draw means failure."""
        return self.failed_line_rate * _HALF

    def unlucky(self, draws: Iterable[int]) -> list[int]:
        """The positions of the draws by which a request fails."""
        bound = self._bound
        return [place for place, draw in enumerate(draws) if draw % _HALF < bound] if bound else []

    def failure(self, given: ModelRequest, draw: int, active: ActiveFaults) -> Refusal | None:
        """The error that ends a request; None when it is answered."""
        if given.problem is not None:
            return given.problem
        if active.faults:
            fault = active.of(FaultKind.LINE_ERROR, FaultKind.ALL_LINES_FAILED)
            if fault is not None:
                return refusal_of(fault.status, fault.code, fault.message)
        if draw % _HALF < self._bound:
            return _FAILURES[(draw >> 32) % len(_FAILURES)]
        return None


def answered(given: ReplyInput, active: ActiveFaults) -> JsonObject:
    """The body of the reply to a request that is answered."""
    distorted = _distorted(given, active)
    return reply(given) if distorted is None else chat_completion(given, distorted)


def answer_tokens(given: ReplyInput, active: ActiveFaults) -> int:
    """The output tokens of that reply."""
    distorted = _distorted(given, active)
    return (
        completion_tokens(given.model_request, given.draw)
        if distorted is None
        else sum(one.tokens for one in distorted)
    )


def _distorted(given: ReplyInput, active: ActiveFaults) -> tuple[GeneratedText, ...] | None:
    kinds = (FaultKind.ANSWER_NOT_JSON, FaultKind.ANSWER_OFF_SCHEMA, FaultKind.ASCII_ANSWER)
    fault = active.of(*kinds) if active.faults else None
    if fault is None or given.model_request.endpoint != ModelEndpoint.CHAT:
        return None
    usual = choices(given.model_request, given.draw)
    if fault.kind is FaultKind.ASCII_ANSWER:
        plain = [_NOT_ASCII.sub(" ", one.text) for one in usual]
        pairs = zip(usual, plain, strict=True)
        return tuple(
            replace(one, text=text, tokens=one.tokens - text_tokens(one.text) + text_tokens(text))
            for one, text in pairs
        )
    text = plain_word(given.draw) if fault.kind is FaultKind.ANSWER_NOT_JSON else '{"mood":"fine","score":11}'
    return (GeneratedText(text, text_tokens(text), "stop"),) * len(usual)
