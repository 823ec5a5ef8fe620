"""One chat completion alone: checked like a line of a batch, answered by the same draw."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from claimbench.loadgen.fake_openai.canonical import canonical, digest
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.model_requests import (
    CountedRequest,
    ModelEndpoint,
    missing_parameter,
    model_is_known,
    read_model_request,
)
from claimbench.loadgen.fake_openai.outcomes import answered
from claimbench.loadgen.fake_openai.replies import ReplyInput
from claimbench.loadgen.fake_openai.wire import ApiResponse, JsonObject, Refused, json_response, refuse
from claimbench.loadgen.fake_openai.work import Planner

_WORDS_PER_CHUNK = 4


@dataclass(frozen=True)
class ChatRequest:
    """A chat completion request that was found good."""

    read: CountedRequest
    digest: bytes
    canonical: bytes
    raw: bytes
    streamed: str


def check_chat(raw: bytes, body: JsonObject, limits: Limits) -> ChatRequest:
    """What the API checks before it asks the model. Refused (400, 404) with the parameter that is wrong."""
    model = body.get("model")
    if not model or not isinstance(model, str):
        raise refuse(400, "you must provide a model parameter")
    if "messages" not in body:
        raise Refused(missing_parameter("messages"))
    read = read_model_request(ModelEndpoint.CHAT, body, limits.context_tokens)
    if read.model_request.problem is not None:
        raise Refused(read.model_request.problem)
    if not model_is_known(model):
        message = f"The model `{model[:100]}` does not exist or you do not have access to it."
        raise refuse(404, message, code="model_not_found")
    try:
        return ChatRequest(read, digest(body), canonical(body), raw, _streaming(body))
    except TypeError as error:  # nested too deeply to be written again
        raise refuse(400, "We could not parse the JSON body of your request.") from error


def complete(request: ChatRequest, planner: Planner, now: float) -> ApiResponse:
    """Answer, or fail as the same line of a batch would. Callers hold the core's lock."""
    attempt = planner.attempt(request.digest)
    draw = planner.draw(request.digest, attempt)
    active = planner.active(request.digest, attempt, request.raw)
    failure = planner.model.failure(request.read.model_request, draw, active)
    if failure is not None:
        raise Refused(failure)
    body = answered(
        ReplyInput(request.read.model_request, request.read.prompt_tokens, draw, int(now)), active
    )
    if not request.streamed:
        return json_response(body)
    return ApiResponse(
        200, {"content-type": "text/event-stream; charset=utf-8"}, _events(body, request.streamed)
    )


def _streaming(body: JsonObject) -> str:
    if body.get("stream") is not True:
        return ""
    options = body.get("stream_options")
    return "usage" if isinstance(options, dict) and options.get("include_usage") is True else "plain"


def _events(body: JsonObject, streamed: str) -> Iterator[bytes]:
    """The completion as server-sent events, a few words in each."""
    head = {name: body[name] for name in ("id", "created", "model", "service_tier", "system_fingerprint")}
    chunk = {**head, "object": "chat.completion.chunk"}
    for choice in body["choices"]:
        for delta in _deltas(choice["message"]["content"]):
            yield _event({**chunk, "choices": [_chunk_choice(choice["index"], delta, None)]})
        yield _event({**chunk, "choices": [_chunk_choice(choice["index"], {}, choice["finish_reason"])]})
    if streamed == "usage":
        yield _event({**chunk, "choices": [], "usage": body["usage"]})
    yield b"data: [DONE]\n\n"


def _deltas(content: str) -> Iterator[JsonObject]:
    yield {"role": "assistant", "content": "", "refusal": None}
    words = content.split(" ")
    for start in range(0, len(words), _WORDS_PER_CHUNK):
        said = " ".join(words[start : start + _WORDS_PER_CHUNK])
        yield {"content": said if start == 0 else f" {said}"}


def _chunk_choice(index: int, delta: JsonObject, finish_reason: str | None) -> JsonObject:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _event(value: JsonObject) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
