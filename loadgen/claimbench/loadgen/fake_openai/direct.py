"""One request outside of a batch: checked like a line of a batch, answered by the same draw."""

from dataclasses import dataclass

import orjson

from claimbench.loadgen.fake_openai.canonical import canonical, digest
from claimbench.loadgen.fake_openai.fixtures import Fixtures
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.model_requests import (
    INPUT_NAME,
    CountedRequest,
    ModelEndpoint,
    missing_parameter,
)
from claimbench.loadgen.fake_openai.outcomes import answered
from claimbench.loadgen.fake_openai.planning import Planner
from claimbench.loadgen.fake_openai.replies import ReplyInput, echoed
from claimbench.loadgen.fake_openai.request_reading import read_model_request
from claimbench.loadgen.fake_openai.streams import chat_events, response_events
from claimbench.loadgen.fake_openai.wire import ApiResponse, JsonObject, Refused, json_response, refuse

_EVENT_STREAM = {"content-type": "text/event-stream; charset=utf-8"}


@dataclass(frozen=True)
class DirectRequest:
    """A request that was found good. `streamed` is empty, `plain`, or `usage` where usage is told as well."""

    read: CountedRequest
    digest: bytes
    canonical: bytes
    raw: bytes
    streamed: str


def check_direct(
    endpoint: ModelEndpoint, raw: bytes, body: JsonObject, limits: Limits, fixtures: Fixtures
) -> DirectRequest:
    """What the API checks before it asks the model. Refused (400, 404) with the parameter that is wrong."""
    model, needed = body.get("model"), INPUT_NAME[endpoint]
    if not model or not isinstance(model, str):
        if endpoint == ModelEndpoint.RESPONSES:
            raise Refused(missing_parameter("model"))
        raise refuse(400, "you must provide a model parameter")
    if needed not in body and endpoint != ModelEndpoint.EMBEDDINGS:
        raise Refused(missing_parameter(needed))
    if not limits.dialect.serves(model):
        message = f"The model `{model[:100]}` does not exist or you do not have access to it."
        raise refuse(404, message, code="model_not_found")
    try:
        read = read_model_request(endpoint, body, limits.context_tokens)
        request = DirectRequest(read, digest(body), canonical(body), raw, _streaming(endpoint, body))
    except TypeError as error:  # nested too deeply to be written again
        raise refuse(400, "We could not parse the JSON body of your request.") from error
    if read.model_request.problem is not None and fixtures.of_body(request.digest) is None:
        raise Refused(read.model_request.problem)
    return request


def complete(request: DirectRequest, planner: Planner, now: float) -> ApiResponse:
    """Answer, or fail as the same line of a batch would. Callers hold the core's lock."""
    attempt = planner.attempt(request.digest)
    draw = planner.draw(request.digest, attempt)
    active = planner.active(request.digest, attempt, request.raw)
    read = request.read
    given = ReplyInput(read.model_request, read.prompt_tokens, draw, int(now))
    own = None if active.faults else planner.fixtures.of_body(request.digest)
    if own is not None and own.status != 200:
        return json_response(own.reply(given), own.status or 500)
    failure = planner.model.failure(read.model_request, draw, active) if own is None else None
    if failure is not None:
        raise Refused(failure)
    body = answered(given, active) if own is None else own.reply(given)
    if own is None or own.body is None:
        body = echoed(body, orjson.loads(request.raw))
    if not request.streamed:
        return json_response(body)
    if read.model_request.endpoint == ModelEndpoint.RESPONSES:
        return ApiResponse(200, _EVENT_STREAM, response_events(body))
    return ApiResponse(200, _EVENT_STREAM, chat_events(body, request.streamed))


def _streaming(endpoint: ModelEndpoint, body: JsonObject) -> str:
    if body.get("stream") is not True or endpoint not in (ModelEndpoint.CHAT, ModelEndpoint.RESPONSES):
        return ""
    options = body.get("stream_options")
    return "usage" if isinstance(options, dict) and options.get("include_usage") is True else "plain"
