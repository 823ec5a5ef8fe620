"""Reads request bodies, endpoint by endpoint: what is asked of the model, and why it cannot be asked."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from claimbench.loadgen.fake_openai.argument_rules import (
    chat_arguments_problem,
    embedding_arguments_problem,
    response_arguments_problem,
)
from claimbench.loadgen.fake_openai.generation_rules import (
    chosen_function,
    effort_problem,
    format_problems,
    functions_to_call,
    numbers_problem,
    sampling_problem,
    schema_text,
    tools_problems,
)
from claimbench.loadgen.fake_openai.model_requests import (
    INPUT_NAME,
    KEYS_LINE,
    ROLES,
    CountedRequest,
    ModelEndpoint,
    ModelRequest,
    content_tokens,
    input_tokens,
    invalid_value,
    missing_parameter,
    too_long,
    wrong_type,
)
from claimbench.loadgen.fake_openai.models import ModelSpec, spec_of
from claimbench.loadgen.fake_openai.wire import JsonObject, Refusal

INPUTS_MAX, INPUT_TOKENS_MAX, ALL_TOKENS_MAX = 2_048, 8_192, 300_000
"""Of one request for embeddings: how many inputs, the tokens of each, and of all together."""


def read_model_request(endpoint: str, body: JsonObject, context_tokens: int) -> CountedRequest:
    """Read a body; the model's name is in it already."""
    if endpoint == ModelEndpoint.CHAT:
        return _read_chat(body, context_tokens)
    if endpoint == ModelEndpoint.RESPONSES:
        return _read_response(body, context_tokens)
    if endpoint == ModelEndpoint.EMBEDDINGS:
        return _read_embeddings(body)
    given = body.get(INPUT_NAME[ModelEndpoint(endpoint)])
    tokens, count = input_tokens(given), len(given) if isinstance(given, list) and given else 1
    problem = too_long(tokens, context_tokens, INPUT_NAME[ModelEndpoint(endpoint)])
    if endpoint != ModelEndpoint.COMPLETIONS:
        return CountedRequest(ModelRequest(endpoint, body["model"], choices=count, problem=problem), tokens)
    several = isinstance(given, list) and not all(type(one) is int for one in given)
    request = ModelRequest(
        endpoint,
        body["model"],
        choices=(count if several else 1) * _count(body.get("n"), 1),
        completion_tokens_max=_count(body.get("max_tokens"), 16),
        problem=problem or numbers_problem(body, spec_of(body["model"])),
        stops=tuple(one for one in _stops(body.get("stop")) if isinstance(one, str)),
    )
    return CountedRequest(request, tokens)


def context_of(model: str | None, context_tokens: int) -> int:
    """The longest prompt of a model, within what the fake allows of any."""
    return min(context_tokens, spec_of(model).context_tokens) if model else context_tokens


def _read_chat(body: JsonObject, context_tokens: int) -> CountedRequest:
    messages, spec, wanted = body["messages"], spec_of(body["model"]), body.get("response_format")
    problem = _messages_problem(messages)
    tokens = 3 + sum(4 + content_tokens(one.get("content")) for one in messages) if problem is None else 0
    effort = body.get("reasoning_effort")
    if problem is None:
        problem = (
            chat_arguments_problem(body, spec)
            or _json_mode_problem(wanted, messages)
            or sampling_problem(body, spec, effort)
            or numbers_problem(body, spec)
            or effort_problem(effort, "reasoning_effort", spec)
            or next(format_problems(wanted, "response_format", spec), None)
            or next(tools_problems(body), None)
            or too_long(tokens, context_of(body["model"], context_tokens), "messages")
        )
    if problem is not None:
        return CountedRequest(ModelRequest(ModelEndpoint.CHAT, body["model"], problem=problem), tokens)
    is_told = any(
        one.get("role") == "tool" for one in messages
    )  # a function's result: now it answers in words
    request = ModelRequest(
        ModelEndpoint.CHAT,
        body["model"],
        _keys_asked(messages),
        _format_name(wanted),
        _count(body.get("n"), 1),
        _count(body.get("max_completion_tokens"), 0) or _count(body.get("max_tokens"), 0),
        schema=schema_text(wanted),
        functions=() if is_told else functions_to_call(body),
        is_forced_call=chosen_function(body.get("tool_choice")) != "",
        effort=_effort(effort, spec),
        stops=_stops(body.get("stop")),
        top_logprobs=_count(body.get("top_logprobs"), 0) if body.get("logprobs") is True else -1,
    )
    return CountedRequest(request, tokens)


def _stops(stop: Any) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, list) else ()


def _read_response(body: JsonObject, context_tokens: int) -> CountedRequest:
    given, spec = body.get("input"), spec_of(body["model"])
    tokens = input_tokens(given) + input_tokens(body.get("instructions"))
    text, reasoning = body.get("text"), body.get("reasoning")
    problem = (
        None if isinstance(given, str | list) else wrong_type("input", "one of a string or array", given)
    )
    for name, value in (("text", text), ("reasoning", reasoning)):
        if problem is None and value is not None and not isinstance(value, dict):
            problem = wrong_type(name, "an object", value)
    wanted = text.get("format") if isinstance(text, dict) else None
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    if problem is None:
        problem = (
            response_arguments_problem(body)
            or _json_input_problem(wanted, body)
            or sampling_problem(body, spec, effort)
            or numbers_problem(body, spec)
            or effort_problem(effort, "reasoning.effort", spec)
            or next(format_problems(wanted, "text.format", spec), None)
            or next(tools_problems(body), None)
            or too_long(tokens, context_of(body["model"], context_tokens), "input")
        )
    if problem is not None:
        return CountedRequest(ModelRequest(ModelEndpoint.RESPONSES, body["model"], problem=problem), tokens)
    items = given if isinstance(given, list) else []
    is_told = any(isinstance(one, dict) and one.get("type") == "function_call_output" for one in items)
    request = ModelRequest(
        ModelEndpoint.RESPONSES,
        body["model"],
        json=_format_name(wanted),
        completion_tokens_max=_count(body.get("max_output_tokens"), 0),
        schema=schema_text(wanted),
        functions=() if is_told else functions_to_call(body),
        is_forced_call=chosen_function(body.get("tool_choice")) != "",
        effort=_effort(effort, spec),
    )
    return CountedRequest(request, tokens)


def _read_embeddings(body: JsonObject) -> CountedRequest:
    model, given = body["model"], body.get("input")
    spec, problem = spec_of(model), None
    inputs = given if isinstance(given, list) and not all(type(one) is int for one in given) else [given]
    encoding, width = body.get("encoding_format", "float"), body.get("dimensions")
    tokens = input_tokens(given)
    if not spec.width:
        problem = Refusal(403, "You are not allowed to generate embeddings from this model")
    else:
        problem = (
            embedding_arguments_problem(body)
            or _inputs_problem(given, inputs)
            or next(_shape_problems(encoding, width, spec), None)
        )
    request = ModelRequest(
        ModelEndpoint.EMBEDDINGS,
        model,
        choices=len(inputs),
        problem=problem,
        width=width if isinstance(width, int) and problem is None else spec.width,
        encoding=encoding if problem is None else "float",
    )
    return CountedRequest(request, tokens)


def _inputs_problem(given: Any, inputs: list[Any]) -> Refusal | None:
    if (
        given is None
        or not isinstance(given, str | list)
        or given in ("", [])
        or "" in inputs
        or [] in inputs
    ):
        message = "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        return Refusal(400, message)
    for number, one in enumerate(inputs):
        texts = isinstance(one, str) or (isinstance(one, list) and all(type(token) is int for token in one))
        if not texts:
            return wrong_type(f"input[{number}]", "a string or array of integers", one)
    if len(inputs) > INPUTS_MAX:
        message = (
            f"Invalid 'input': array too long. Expected an array with maximum length {INPUTS_MAX}, "
            f"but got an array with length {len(inputs)} instead."
        )
        return invalid_value("input", message, "array_above_max_length")
    sizes = [input_tokens(one) for one in inputs]
    if max(sizes) > INPUT_TOKENS_MAX:
        message = (
            f"This model's maximum context length is {INPUT_TOKENS_MAX} tokens, however you requested "
            f"{max(sizes)} tokens ({max(sizes)} in your prompt; 0 for the completion). Please reduce "
            "your prompt; or completion length."
        )
        return Refusal(400, message)
    if sum(sizes) > ALL_TOKENS_MAX:
        message = f"Requested {sum(sizes)} tokens, max {ALL_TOKENS_MAX} tokens per request"
        return Refusal(400, message, "max_tokens_per_request", None, "max_tokens_per_request")
    return None


def _shape_problems(encoding: Any, width: Any, spec: ModelSpec) -> Iterator[Refusal]:
    if encoding not in ("float", "base64"):
        message = f"Invalid value: '{str(encoding)[:100]}'. Supported values are: 'float' and 'base64'."
        yield invalid_value("encoding_format", message)
    if width is None:
        return
    if not spec.shortens:
        yield Refusal(400, "This model does not support specifying dimensions.")
    if type(width) is not int:
        yield wrong_type("dimensions", "an integer", width)
    if width < 1:
        message = (
            "Invalid 'dimensions': integer below minimum value. Expected a value >= 1, "
            f"but got {width} instead."
        )
        yield invalid_value("dimensions", message, "integer_below_min_value")
    if width > spec.width:
        message = f"Invalid value for 'dimensions' = {width}. Must be less than or equal to {spec.width}."
        yield Refusal(400, message)
    return


def _messages_problem(messages: Any) -> Refusal | None:
    if not isinstance(messages, list):
        return wrong_type("messages", "an array of objects", messages)
    if not messages:
        return Refusal(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    for number, message in enumerate(messages):
        if problem := _message_problem(message, number):
            return problem
    return None


def _message_problem(message: Any, number: int) -> Refusal | None:
    where = f"messages[{number}]"
    if not isinstance(message, dict):
        return wrong_type(where, "an object", message)
    role = message.get("role")
    if role is None:
        return missing_parameter(f"{where}.role")
    if role not in ROLES:
        listed = ", ".join(f"'{known}'" for known in ROLES[:-1])
        return Refusal(
            400,
            f"Invalid value: '{role}'. Supported values are: {listed}, and '{ROLES[-1]}'.",
            param=f"{where}.role",
            code="invalid_value",
        )
    content = message.get("content")
    if content is None and role == "assistant":
        return None
    if not isinstance(content, str | list):
        return wrong_type(f"{where}.content", "one of a string or array of objects", content)
    return None


def names_json(messages: list[JsonObject]) -> bool:
    """Whether the messages hold the word JSON, without which there is no JSON mode."""
    return any("json" in str(one.get("content")).lower() for one in messages)


def _json_mode_problem(wanted: Any, messages: list[JsonObject]) -> Refusal | None:
    if _format_name(wanted) != "json_object" or names_json(messages):
        return None
    message = (
        "'messages' must contain the word 'json' in some form, to use 'response_format' "
        "of type 'json_object'."
    )
    return invalid_value("messages", message, None)


def _json_input_problem(wanted: Any, body: JsonObject) -> Refusal | None:
    asked = f"{body.get('input')}{body.get('instructions') or ''}"
    if _format_name(wanted) != "json_object" or "json" in asked.lower():
        return None
    message = (
        "Response input messages must contain the word 'json' in some form to use 'text.format' "
        "of type 'json_object'."
    )
    return invalid_value("input", message, None)


def _format_name(wanted: Any) -> str:
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    return kind if isinstance(kind, str) else ""


def _effort(effort: Any, spec: ModelSpec) -> str:
    if not spec.reasons:
        return ""
    return "" if effort == "none" else effort if isinstance(effort, str) else "medium"


def _count(value: Any, default: int) -> int:
    return value if type(value) is int and 0 < value < 2**31 else default


def _keys_asked(messages: list[JsonObject]) -> tuple[str, ...]:
    for message in messages:
        content = message.get("content")
        if message["role"] in ("system", "developer") and isinstance(content, str):
            keys = _keys_line(content)
            if keys:
                return keys
    return ()


@lru_cache(maxsize=512)
def _keys_line(system_prompt: str) -> tuple[str, ...]:
    last = system_prompt.rstrip("\n").rpartition("\n")[2]
    if not last.startswith(KEYS_LINE):
        return ()
    return tuple(key.strip() for key in last.removeprefix(KEYS_LINE).split(",") if key.strip())
