"""Response bodies of the model endpoints, the same for a call of its own and for a line of a batch."""

import math
import sys
from array import array
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import shake_128

from claimbench.loadgen.fake_openai.answers import GeneratedText, answer, choices, messages_of
from claimbench.loadgen.fake_openai.chance import base62
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint, ModelRequest
from claimbench.loadgen.fake_openai.models import snapshot_of
from claimbench.loadgen.fake_openai.wire import JsonObject

_FINGERPRINT = "fp_44709d6fcb"


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


def reasoning_tokens(model_request: ModelRequest, draw: int) -> int:
    """Those of the output tokens that were thought and not written."""
    return sum(one.reasoning_tokens for one in choices(model_request, draw)) if model_request.effort else 0


def chat_completion(given: ReplyInput, answers: tuple[GeneratedText, ...]) -> JsonObject:
    """A chat completion that says what it is given to say."""
    tokens = sum(one.tokens for one in answers)
    return {
        "id": f"chatcmpl-{base62(given.draw, 11)}{base62(given.draw * 31, 11)}{base62(given.draw * 961, 7)}",
        "object": "chat.completion",
        "created": given.created,
        "model": snapshot_of(given.model_request.model),
        "choices": [_choice(number, one, given) for number, one in enumerate(answers)],
        "usage": {
            "prompt_tokens": given.prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": given.prompt_tokens + tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": sum(one.reasoning_tokens for one in answers),
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }


def _choice(number: int, one: GeneratedText, given: ReplyInput) -> JsonObject:
    draw, top = given.draw, given.model_request.top_logprobs
    message: JsonObject = {"role": "assistant", "content": one.text, "refusal": None, "annotations": []}
    if one.function:
        call = {"name": one.function, "arguments": one.text}
        call_id = f"call_{base62(draw + number, 11)}{base62((draw + number) * 31, 11)}"
        message["content"], message["tool_calls"] = (
            None,
            [{"id": call_id, "type": "function", "function": call}],
        )
    told = None
    if top >= 0 and not one.function:
        told = {"content": _log_probabilities(one.text, top), "refusal": None}
    return {"index": number, "message": message, "logprobs": told, "finish_reason": one.finish_reason}


def _log_probabilities(text: str, top: int) -> list[JsonObject]:
    """For each token of four characters how likely it was, and its `top` rivals, itself the first of them."""
    found = []
    for begin in range(0, len(text), 4):
        token, likely = text[begin : begin + 4], -(len(text) * 31 + begin * 17) % 1000 / 1000
        rivals = [(token, likely), *((f" {sign}", likely - 1 - place) for place, sign in enumerate(_RIVALS))]
        shown = [
            {"token": one, "logprob": -logprob, "bytes": list(one.encode())} for one, logprob in rivals[:top]
        ]
        chosen = {"token": token, "logprob": -likely, "bytes": list(token.encode())}
        found.append({**chosen, "top_logprobs": shown})
    return found


_RIVALS = "abcdefghijklmnopqrs"


def _chat(given: ReplyInput) -> JsonObject:
    return chat_completion(given, choices(given.model_request, given.draw))


def _completion(given: ReplyInput) -> JsonObject:
    said = choices(given.model_request, given.draw)
    tokens = sum(one.tokens for one in said)
    return {
        "id": f"cmpl-{base62(given.draw, 11)}",
        "object": "text_completion",
        "created": given.created,
        "model": snapshot_of(given.model_request.model),
        "choices": [
            {"text": one.text, "index": number, "logprobs": None, "finish_reason": one.finish_reason}
            for number, one in enumerate(said)
        ],
        "usage": {
            "prompt_tokens": given.prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": given.prompt_tokens + tokens,
        },
    }


def _response(given: ReplyInput) -> JsonObject:
    wanted, said = given.model_request, answer(given.model_request, given.draw)
    is_cut = said.finish_reason == "length"
    return {
        "id": f"resp_{given.draw:016x}",
        "object": "response",
        "created_at": given.created,
        "status": "incomplete" if is_cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "instructions": None,
        "max_output_tokens": wanted.completion_tokens_max or None,
        "metadata": {},
        "model": snapshot_of(wanted.model),
        "output": _output_items(said, given, "incomplete" if is_cut else "completed"),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": wanted.effort or None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": given.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said.tokens,
            "output_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
            "total_tokens": given.prompt_tokens + said.tokens,
        },
        "user": None,
    }


def echoed(body: JsonObject, asked: JsonObject) -> JsonObject:
    """A response that tells the parameters that it was asked with, as the API's do."""
    if body.get("object") != "response":
        return body
    told = {name: asked[name] for name in _ECHOED if asked.get(name) is not None}
    reasoning, text = (
        found if isinstance(found := asked.get(name), dict) else {} for name in ("reasoning", "text")
    )
    wanted = text.get("format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        wanted = {"description": None, "strict": False, **wanted}
    if isinstance(told.get("tools"), list):
        told["tools"] = [
            {"description": None, "strict": True, **tool}
            if isinstance(tool, dict) and tool.get("type") == "function"
            else tool
            for tool in told["tools"]
        ]
    return {
        **body,
        **told,
        "reasoning": {**body["reasoning"], **reasoning},
        "text": {**body["text"], **text, "format": wanted or {"type": "text"}},
    }


_ECHOED = (
    *("instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls"),
    *("previous_response_id", "safety_identifier", "store", "temperature", "tool_choice", "tools", "top_p"),
    *("truncation", "user", "top_logprobs", "prompt_cache_key"),
)


def _output_items(said: GeneratedText, given: ReplyInput, status: str) -> list[JsonObject]:
    """A reasoning item first where the model reasons; then a call, or the messages."""
    draw, items = given.draw, list[JsonObject]()
    if given.model_request.effort:
        items.append({"id": f"rs_{draw:016x}", "type": "reasoning", "summary": []})
    if said.function:
        call_id = f"call_{base62(draw, 11)}{base62(draw * 31, 11)}"
        call = {"call_id": call_id, "name": said.function, "arguments": said.text, "status": status}
        return [*items, {"id": f"fc_{draw:016x}", "type": "function_call", **call}]
    texts = messages_of(said, given.model_request, draw) if said.text or status == "completed" else ()
    for number, text in enumerate(texts):
        content = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"type": "message", "role": "assistant", "status": status, "content": [content]}
        items.append({"id": f"msg_{(draw + number) % 2**64:016x}", **message})
    return items


def _embedding(given: ReplyInput) -> JsonObject:
    wanted = given.model_request
    vectors = [_vector(given.draw + number, wanted.width) for number in range(wanted.choices)]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": number, "embedding": _encoded(vector, wanted.encoding)}
            for number, vector in enumerate(vectors)
        ],
        "model": snapshot_of(wanted.model),
        "usage": {"prompt_tokens": given.prompt_tokens, "total_tokens": given.prompt_tokens},
    }


def _vector(draw: int, width: int) -> "array[float]":
    """A vector of length 1 whose coordinates are bytes of a stream that the draw begins."""
    stream = shake_128(draw.to_bytes(9, "big")).digest(width)
    length = math.sqrt(sum((byte - 127.5) ** 2 for byte in stream))
    return array("f", [(byte - 127.5) / length for byte in stream])


def _encoded(vector: "array[float]", encoding: str) -> list[float] | str:
    if encoding != "base64":
        return vector.tolist()
    if sys.byteorder == "big":
        vector.byteswap()
    return b64encode(vector.tobytes()).decode()


def _moderation(given: ReplyInput) -> JsonObject:
    names = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
    result = {
        "flagged": False,
        "categories": dict.fromkeys(names, False),
        "category_scores": {name: ((given.draw >> place) & 255) / 10**5 for place, name in enumerate(names)},
    }
    return {
        "id": f"modr-{base62(given.draw, 11)}",
        "model": snapshot_of(given.model_request.model),
        "results": [result] * given.model_request.choices,
    }


def _image(given: ReplyInput) -> JsonObject:
    return {"created": given.created, "data": [{"b64_json": _PIXEL}]}


def _video(given: ReplyInput) -> JsonObject:
    return {
        "id": f"video_{given.draw:016x}",
        "object": "video",
        "created_at": given.created,
        "completed_at": given.created,
        "status": "completed",
        "model": snapshot_of(given.model_request.model),
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
