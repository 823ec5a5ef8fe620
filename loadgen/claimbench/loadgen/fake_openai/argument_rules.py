"""Which arguments an endpoint has, which moved, and which do not go together, in the words of the API."""

from claimbench.loadgen.fake_openai.model_requests import invalid_value, wrong_type
from claimbench.loadgen.fake_openai.models import ModelSpec
from claimbench.loadgen.fake_openai.wire import JsonObject, Refusal

_BOTH = frozenset(
    {
        *(
            "metadata",
            "model",
            "moderation",
            "parallel_tool_calls",
            "prompt_cache_key",
            "prompt_cache_options",
        ),
        *("prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream", "stream_options"),
        *("temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user"),
    }
)
_CHAT = _BOTH | {
    *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_tokens"),
    *("max_completion_tokens", "messages", "modalities", "n", "prediction", "presence_penalty"),
    *("reasoning_effort", "response_format", "seed", "stop", "verbosity", "web_search_options"),
}
_RESPONSES = _BOTH | {
    *("access_programs", "background", "background_options", "context_management", "conversation", "image"),
    *("include", "input", "instructions", "max_output_tokens", "max_tool_calls", "previous_response_id"),
    *("prompt", "reasoning", "text", "truncation"),
}
"""The parameters of the official client's types."""

_MOVED = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "messages": "input",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
STOPS_MAX = 4


def chat_arguments_problem(body: JsonObject, spec: ModelSpec) -> Refusal | None:
    """An argument that chat completions do not have, or two that they do not have together."""
    if unknown := _unknown(body, _CHAT):
        return unknown
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        return Refusal(400, message, code="invalid_parameter_combination")
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled."
        return invalid_value("top_logprobs", message, None)
    if body.get("tools") == []:
        message = (
            "Invalid 'tools': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead."
        )
        return invalid_value("tools", message, "empty_array")
    return _stop_problem(body.get("stop"), spec)


def embedding_arguments_problem(body: JsonObject) -> Refusal | None:
    """An argument that embeddings do not have."""
    return _unknown(body, frozenset({"dimensions", "encoding_format", "input", "model", "user"}))


def _unknown(body: JsonObject, known: frozenset[str]) -> Refusal | None:
    unknown = [name[:64] for name in body if name not in known]
    if not unknown:
        return None
    several = "s" if len(unknown) > 1 else ""
    return Refusal(400, f"Unrecognized request argument{several} supplied: {', '.join(unknown[:9])}")


def _stop_problem(stop: object, spec: ModelSpec) -> Refusal | None:
    if stop is None or (isinstance(stop, str) and not spec.reasons):
        return None
    if spec.reasons:
        message = "Unsupported parameter: 'stop' is not supported with this model."
        return invalid_value("stop", message, "unsupported_parameter")
    if not isinstance(stop, list) or not all(isinstance(one, str) for one in stop):
        return wrong_type("stop", "one of a string or array of strings", stop)
    if len(stop) > STOPS_MAX:
        message = (
            f"Invalid 'stop': array too long. Expected an array with maximum length {STOPS_MAX}, "
            f"but got an array with length {len(stop)} instead."
        )
        return invalid_value("stop", message, "array_above_max_length")
    return None


def response_arguments_problem(body: JsonObject) -> Refusal | None:
    """An argument that responses do not have, or have by another name."""
    for name in body:
        if name in _RESPONSES:
            continue
        if name in _MOVED:
            message = (
                f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to "
                f"'{_MOVED[name]}'. Try again with the new parameter. "
                "See the API documentation for more information: https://platform.openai.com/docs/api-reference/responses/create."
            )
            return invalid_value(name, message, "unsupported_parameter")
        return invalid_value(name[:64], f"Unknown parameter: '{name[:64]}'.", "unknown_parameter")
    return None
