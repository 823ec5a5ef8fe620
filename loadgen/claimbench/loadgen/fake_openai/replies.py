"""Response bodies of the model endpoints, the same for a call of its own and for a line of a batch."""

from collections.abc import Callable
from dataclasses import dataclass

from claimbench.loadgen.fake_openai.answers import Answer, answer, choices
from claimbench.loadgen.fake_openai.asks import Ask, Endpoint
from claimbench.loadgen.fake_openai.naming import base62
from claimbench.loadgen.fake_openai.wire import JsonObject

_FINGERPRINT = "fp_44709d6fcb"
_DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """An ask with all that its reply depends on: the draw decides everything but `created`."""

    ask: Ask
    prompt_tokens: int
    draw: int
    created: int


def reply(asked: Asked) -> JsonObject:
    """The body of a successful response of the ask's endpoint."""
    return _REPLIES[Endpoint(asked.ask.endpoint)](asked)


def completion_tokens(ask: Ask, draw: int) -> int:
    """The output tokens of a reply, which only the endpoints that write text have."""
    if ask.endpoint not in _WRITERS:
        return 0
    if ask.choices == 1:
        return answer(ask, draw).tokens
    return sum(one.tokens for one in choices(ask, draw))


def chat_completion(asked: Asked, answers: tuple[Answer, ...]) -> JsonObject:
    """A chat completion that says what it is given to say."""
    tokens = sum(one.tokens for one in answers)
    return {
        "id": f"chatcmpl-{base62(asked.draw, 11)}{base62(asked.draw * 31, 11)}{base62(asked.draw * 961, 7)}",
        "object": "chat.completion",
        "created": asked.created,
        "model": asked.ask.model,
        "choices": [_choice(number, one) for number, one in enumerate(answers)],
        "usage": {
            "prompt_tokens": asked.prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": asked.prompt_tokens + tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }


def _choice(number: int, one: Answer) -> JsonObject:
    return {
        "index": number,
        "message": {"role": "assistant", "content": one.text, "refusal": None, "annotations": []},
        "logprobs": None,
        "finish_reason": one.finish_reason,
    }


def _chat(asked: Asked) -> JsonObject:
    return chat_completion(asked, choices(asked.ask, asked.draw))


def _completion(asked: Asked) -> JsonObject:
    said = answer(asked.ask, asked.draw)
    return {
        "id": f"cmpl-{base62(asked.draw, 11)}",
        "object": "text_completion",
        "created": asked.created,
        "model": asked.ask.model,
        "choices": [{"text": said.text, "index": 0, "logprobs": None, "finish_reason": said.finish_reason}],
        "usage": {
            "prompt_tokens": asked.prompt_tokens,
            "completion_tokens": said.tokens,
            "total_tokens": asked.prompt_tokens + said.tokens,
        },
    }


def _response(asked: Asked) -> JsonObject:
    said = answer(asked.ask, asked.draw)
    content = {"type": "output_text", "text": said.text, "annotations": []}
    message = {
        "id": f"msg_{asked.draw:016x}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [content],
    }
    return {
        "id": f"resp_{asked.draw:016x}",
        "object": "response",
        "created_at": asked.created,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": asked.ask.model,
        "output": [message],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": asked.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked.prompt_tokens + said.tokens,
        },
    }


def _embedding(asked: Asked) -> JsonObject:
    vectors = [
        [(((asked.draw + number) >> (4 * place)) & 15) / 8 - 1 for place in range(_DIMENSIONS)]
        for number in range(asked.ask.choices)
    ]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": number, "embedding": vector}
            for number, vector in enumerate(vectors)
        ],
        "model": asked.ask.model,
        "usage": {"prompt_tokens": asked.prompt_tokens, "total_tokens": asked.prompt_tokens},
    }


def _moderation(asked: Asked) -> JsonObject:
    names = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
    result = {
        "flagged": False,
        "categories": dict.fromkeys(names, False),
        "category_scores": {name: ((asked.draw >> place) & 255) / 10**5 for place, name in enumerate(names)},
    }
    return {"id": f"modr-{base62(asked.draw, 11)}", "model": asked.ask.model, "results": [result]}


def _image(asked: Asked) -> JsonObject:
    return {"created": asked.created, "data": [{"b64_json": _PIXEL}]}


def _video(asked: Asked) -> JsonObject:
    return {
        "id": f"video_{asked.draw:016x}",
        "object": "video",
        "created_at": asked.created,
        "completed_at": asked.created,
        "status": "completed",
        "model": asked.ask.model,
        "progress": 100,
        "seconds": "4",
        "size": "720x1280",
        "error": None,
    }


_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A picture of one pixel, as PNG in base64."""

_WRITERS = frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS, Endpoint.RESPONSES})

_REPLIES: dict[Endpoint, Callable[[Asked], JsonObject]] = {
    Endpoint.RESPONSES: _response,
    Endpoint.CHAT: _chat,
    Endpoint.EMBEDDINGS: _embedding,
    Endpoint.COMPLETIONS: _completion,
    Endpoint.MODERATIONS: _moderation,
    Endpoint.IMAGES: _image,
    Endpoint.IMAGE_EDITS: _image,
    Endpoint.VIDEOS: _video,
}
