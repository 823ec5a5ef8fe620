"""Response bodies of the model endpoints, the same for a call of its own and for a line of a batch."""

from collections.abc import Callable
from dataclasses import dataclass

from claimbench.loadgen.fake_openai.answers import GeneratedText, answer, choices
from claimbench.loadgen.fake_openai.chance import base62
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint, ModelRequest
from claimbench.loadgen.fake_openai.wire import JsonObject

_FINGERPRINT = "fp_44709d6fcb"
_DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class ReplyInput:
    """A request with all that its reply depends on: the draw decides everything but `created`."""

    model_request: ModelRequest
    prompt_tokens: int
    draw: int
    created: int


def reply(given: ReplyInput) -> JsonObject:
    """The body of a successful response of the request's endpoint."""
    return _REPLIES[ModelEndpoint(given.model_request.endpoint)](given)


def completion_tokens(model_request: ModelRequest, draw: int) -> int:
    """The output tokens of a reply, which only the endpoints that write text have."""
    if model_request.endpoint not in _WRITERS:
        return 0
    if model_request.choices == 1:
        return answer(model_request, draw).tokens
    return sum(one.tokens for one in choices(model_request, draw))


def chat_completion(given: ReplyInput, answers: tuple[GeneratedText, ...]) -> JsonObject:
    """A chat completion that says what it is given to say."""
    tokens = sum(one.tokens for one in answers)
    return {
        "id": f"chatcmpl-{base62(given.draw, 11)}{base62(given.draw * 31, 11)}{base62(given.draw * 961, 7)}",
        "object": "chat.completion",
        "created": given.created,
        "model": given.model_request.model,
        "choices": [_choice(number, one) for number, one in enumerate(answers)],
        "usage": {
            "prompt_tokens": given.prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": given.prompt_tokens + tokens,
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


def _choice(number: int, one: GeneratedText) -> JsonObject:
    return {
        "index": number,
        "message": {"role": "assistant", "content": one.text, "refusal": None, "annotations": []},
        "logprobs": None,
        "finish_reason": one.finish_reason,
    }


def _chat(given: ReplyInput) -> JsonObject:
    return chat_completion(given, choices(given.model_request, given.draw))


def _completion(given: ReplyInput) -> JsonObject:
    said = answer(given.model_request, given.draw)
    return {
        "id": f"cmpl-{base62(given.draw, 11)}",
        "object": "text_completion",
        "created": given.created,
        "model": given.model_request.model,
        "choices": [{"text": said.text, "index": 0, "logprobs": None, "finish_reason": said.finish_reason}],
        "usage": {
            "prompt_tokens": given.prompt_tokens,
            "completion_tokens": said.tokens,
            "total_tokens": given.prompt_tokens + said.tokens,
        },
    }


def _response(given: ReplyInput) -> JsonObject:
    said = answer(given.model_request, given.draw)
    content = {"type": "output_text", "text": said.text, "annotations": []}
    message = {
        "id": f"msg_{given.draw:016x}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [content],
    }
    return {
        "id": f"resp_{given.draw:016x}",
        "object": "response",
        "created_at": given.created,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": given.model_request.model,
        "output": [message],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": given.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": given.prompt_tokens + said.tokens,
        },
    }


def _embedding(given: ReplyInput) -> JsonObject:
    vectors = [
        [(((given.draw + number) >> (4 * place)) & 15) / 8 - 1 for place in range(_DIMENSIONS)]
        for number in range(given.model_request.choices)
    ]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": number, "embedding": vector}
            for number, vector in enumerate(vectors)
        ],
        "model": given.model_request.model,
        "usage": {"prompt_tokens": given.prompt_tokens, "total_tokens": given.prompt_tokens},
    }


def _moderation(given: ReplyInput) -> JsonObject:
    names = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
    result = {
        "flagged": False,
        "categories": dict.fromkeys(names, False),
        "category_scores": {name: ((given.draw >> place) & 255) / 10**5 for place, name in enumerate(names)},
    }
    return {"id": f"modr-{base62(given.draw, 11)}", "model": given.model_request.model, "results": [result]}


def _image(given: ReplyInput) -> JsonObject:
    return {"created": given.created, "data": [{"b64_json": _PIXEL}]}


def _video(given: ReplyInput) -> JsonObject:
    return {
        "id": f"video_{given.draw:016x}",
        "object": "video",
        "created_at": given.created,
        "completed_at": given.created,
        "status": "completed",
        "model": given.model_request.model,
        "progress": 100,
        "seconds": "4",
        "size": "720x1280",
        "error": None,
    }


_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A picture of one pixel, as PNG in base64."""

_WRITERS = frozenset({ModelEndpoint.CHAT, ModelEndpoint.COMPLETIONS, ModelEndpoint.RESPONSES})

_REPLIES: dict[ModelEndpoint, Callable[[ReplyInput], JsonObject]] = {
    ModelEndpoint.RESPONSES: _response,
    ModelEndpoint.CHAT: _chat,
    ModelEndpoint.EMBEDDINGS: _embedding,
    ModelEndpoint.COMPLETIONS: _completion,
    ModelEndpoint.MODERATIONS: _moderation,
    ModelEndpoint.IMAGES: _image,
    ModelEndpoint.IMAGE_EDITS: _image,
    ModelEndpoint.VIDEOS: _video,
}
