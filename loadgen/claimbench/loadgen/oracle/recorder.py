"""Records what the fake does not keep: chat completions, each with its turn and its answer."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import orjson

from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.wire import ApiRequest, ApiResponse, Loss

CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class ChatReply:
    """An answer that was given to the caller: its text and its tokens."""

    content: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat completion that was asked: in which turn, its canonical body, and what came back.

    `status` is None where the response was lost on its way or came short; `reply` is of status 200 only.
    """

    turn: int
    body: bytes
    status: int | None
    reply: ChatReply | None


class ApiRecorder:
    """Stands where the fake stands. `turn` is for the caller to count: one call of one stage."""

    def __init__(self, fake: FakeOpenAI) -> None:
        self.fake = fake
        self.turn = 0
        self._lock = Lock()
        self._chats: list[Chat] = []

    @property
    def chats(self) -> tuple[Chat, ...]:
        """What was asked alone, in the order in which it was answered."""
        with self._lock:
            return tuple(self._chats)

    def flight(self) -> AbstractContextManager[None]:
        """As the fake's own: a request is under way."""
        return self.fake.flight()

    def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer as the fake does, and remember a chat completion."""
        turn = self.turn
        response = self.fake.handle(request)
        if request.path == CHAT_PATH and isinstance(request.body, bytes):
            chat = _chat(turn, request.body, response)
            with self._lock:
                self._chats.append(chat)
        return response


def _chat(turn: int, body: bytes, response: ApiResponse) -> Chat:
    known = canonical(orjson.loads(body))
    if response.delivery.loss is not Loss.NONE or not isinstance(response.body, bytes):
        return Chat(turn, known, None, None)
    if response.status != 200:
        return Chat(turn, known, response.status, None)
    try:
        return Chat(turn, known, response.status, read_reply(orjson.loads(response.body)))
    except ValueError:
        return Chat(turn, known, None, None)


def read_reply(body: Any) -> ChatReply | None:
    """The first choice of a chat completion with its tokens; None when the body is not one."""
    try:
        content = body["choices"][0]["message"]["content"]
        usage = body["usage"]
        return ChatReply(content, usage["prompt_tokens"], usage["completion_tokens"])
    except (KeyError, IndexError, TypeError):
        return None
