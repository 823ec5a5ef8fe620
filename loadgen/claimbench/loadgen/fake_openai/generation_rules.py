"""What chat completions and responses have in common: limits, sampling, reasoning, formats, functions."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from claimbench.loadgen.fake_openai.model_requests import (
    Function,
    invalid_value,
    missing_parameter,
    wrong_type,
)
from claimbench.loadgen.fake_openai.models import ModelSpec
from claimbench.loadgen.fake_openai.schema_rules import strict_problem
from claimbench.loadgen.fake_openai.wire import JsonObject, Refusal

_RANGES: tuple[tuple[str, float, float, type], ...] = (
    ("temperature", 0, 2, float),
    ("top_p", 0, 1, float),
    ("presence_penalty", -2, 2, float),
    ("frequency_penalty", -2, 2, float),
    ("n", 1, 128, int),
    ("top_logprobs", 0, 20, int),
    ("max_tokens", 1, 2**31, int),
    ("max_completion_tokens", 1, 2**31, int),
    ("max_output_tokens", 16, 2**31, int),
)
_DEFAULTS = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def numbers_problem(body: JsonObject, spec: ModelSpec) -> Refusal | None:
    """The first number of a body that has the wrong type, is out of range, or more than the model writes."""
    for name, low, high, kind in _RANGES:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            return wrong_type(name, "an integer" if kind is int else "a number", value)
        if kind is int and not isinstance(value, int):
            return wrong_type(name, "an integer", value)
        if not low <= value <= high:
            return _out_of_range(name, value, low, high)
        if name.startswith("max_") and name != "max_output_tokens" and 0 < spec.output_tokens < value:
            message = (
                f"{name} is too large: {value}. This model supports at most {spec.output_tokens} completion "
                f"tokens, whereas you provided {value}."
            )
            return invalid_value(name, message)
    return None


def _out_of_range(name: str, value: float, low: float, high: float) -> Refusal:
    side, sign, bound = ("below minimum", ">=", low) if value < low else ("above maximum", "<=", high)
    kind = "integer" if isinstance(value, int) else "decimal"
    message = (
        f"Invalid '{name}': {kind} {side} value. Expected a value {sign} {bound}, but got {value} instead."
    )
    return invalid_value(name, message, f"{kind}_{side[:9].replace(' ', '_')}_value")


def sampling_problem(body: JsonObject, spec: ModelSpec, effort: Any) -> Refusal | None:
    """What a model that reasons refuses: the old limit of tokens, and all that steers sampling."""
    if not spec.reasons:
        return None
    if body.get("max_tokens") is not None:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead."
        )
        return invalid_value("max_tokens", message, "unsupported_parameter")
    if effort == "none":
        return None
    for name, default in _DEFAULTS.items():
        value = body.get(name)
        if value is None or value == default:
            continue
        if name == "temperature":
            message = (
                f"Unsupported value: 'temperature' does not support {value} with this model. "
                "Only the default (1) value is supported."
            )
            return invalid_value(name, message, "unsupported_value")
        message = f"Unsupported parameter: '{name}' is not supported with this model."
        return invalid_value(name, message, "unsupported_parameter")
    return None


def effort_problem(effort: Any, name: str, spec: ModelSpec) -> Refusal | None:
    """Reasoning that is asked of a model without it, or in a measure that there is not."""
    if effort is None:
        return None
    if not spec.reasons:
        if name == "reasoning_effort":
            return Refusal(400, "Unrecognized request argument supplied: reasoning_effort")
        message = f"Unsupported parameter: '{name}' is not supported with this model."
        return invalid_value(name, message, "unsupported_parameter")
    if effort in spec.efforts:
        return None
    if effort not in _EFFORTS:
        return _unsupported(name, effort, _EFFORTS)
    listed = ", ".join(f"'{one}'" for one in spec.efforts[:-1])
    message = (
        f"Unsupported value: '{name}' does not support '{str(effort)[:64]}' with this model. "
        f"Supported values are: {listed}, and '{spec.efforts[-1]}'."
    )
    return invalid_value(name, message, "unsupported_value")


def format_problems(wanted: Any, name: str, spec: ModelSpec) -> Iterator[Refusal]:
    """What is wrong with `response_format` or `text.format`, of which the first counts."""
    if wanted is None:
        return
    if not isinstance(wanted, dict):
        yield wrong_type(name, "an object", wanted)
        return
    kind = wanted.get("type")
    if kind is None:
        yield missing_parameter(f"{name}.type")
    if kind not in ("text", "json_object", "json_schema"):
        yield _unsupported(f"{name}.type", kind, ("json_object", "json_schema", "text"))
    if kind != "json_schema":
        return
    if not spec.follows_schemas:
        message = f"Invalid parameter: '{name}' of type 'json_schema' is not supported with this model."
        yield invalid_value(name, message, None)
    where = name if "schema" in wanted or name == "text.format" else f"{name}.json_schema"
    outer = schema_holder(wanted)
    if outer is None:
        yield missing_parameter(where)
        return
    yield from _holder_problems(outer, name, where)


def _holder_problems(holder: JsonObject, name: str, where: str) -> Iterator[Refusal]:
    title, schema = holder.get("name"), holder.get("schema")
    if title is None:
        yield missing_parameter(f"{where}.name")
    if not isinstance(title, str) or not _NAME.fullmatch(title):
        message = f"Invalid '{where}.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        yield invalid_value(f"{where}.name", message)
    if schema is None:
        yield missing_parameter(f"{where}.schema")
    if not isinstance(schema, dict):
        yield wrong_type(f"{where}.schema", "an object", schema)
    problem = strict_problem(orjson.dumps(schema).decode()) if holder.get("strict") is True else ""
    if not problem:
        return
    message = f"Invalid schema for response_format '{title}': {problem}"
    if name == "text.format":
        yield invalid_value("text.format.schema", message, "invalid_json_schema")
    yield invalid_value("response_format", message, None)


def schema_holder(wanted: Any) -> JsonObject | None:
    """The object that holds name and schema: a level deeper in a chat's body than in a response's."""
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    inner = wanted.get("json_schema", wanted if "name" in wanted or "schema" in wanted else None)
    return inner if isinstance(inner, dict) else None


def schema_text(wanted: Any) -> str:
    """The schema that is asked for, as JSON text; empty for none."""
    holder = schema_holder(wanted)
    schema = holder.get("schema") if holder else None
    return orjson.dumps(schema).decode() if isinstance(schema, dict) else ""


def _function_of(tool: JsonObject) -> JsonObject:
    """A chat's tool holds its function one level deeper than a response's."""
    inner = tool.get("function", tool)
    return inner if isinstance(inner, dict) else {}


def tools_problems(body: JsonObject) -> Iterator[Refusal]:
    """What is wrong with `tools` and `tool_choice`, of which the first counts."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    if tools is None:
        if choice in (None, "none", "auto"):
            return
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        yield invalid_value("tool_choice", message, None)
    if not isinstance(tools, list):
        yield wrong_type("tools", "an array of objects", tools)
        return
    for number, tool in enumerate(tools):
        yield from _tool_problems(tool, f"tools[{number}]")
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        yield _unsupported("tool_choice", choice, ("none", "auto", "required"))
    named = chosen_function(choice)
    if named and named not in [_function_of(tool).get("name") for tool in tools]:
        message = f"Invalid value for 'tool_choice': the function '{named}' is not among the 'tools'."
        yield invalid_value("tool_choice", message, None)


def _tool_problems(tool: Any, where: str) -> Iterator[Refusal]:
    if not isinstance(tool, dict):
        yield wrong_type(where, "an object", tool)
        return
    if tool.get("type") is None:
        yield missing_parameter(f"{where}.type")
    if tool["type"] != "function":
        return
    inner = "function." if "function" in tool else ""
    function = _function_of(tool)
    name, parameters = function.get("name"), function.get("parameters")
    if name is None:
        yield missing_parameter(f"{where}.{inner}name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"Invalid '{where}.{inner}name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        yield invalid_value(f"{where}.{inner}name", message)
    problem = ""
    if parameters is not None and function.get("strict") is True:
        problem = strict_problem(orjson.dumps(parameters).decode())
    elif parameters is not None and (not isinstance(parameters, dict) or parameters.get("type") != "object"):
        kind = parameters.get("type") if isinstance(parameters, dict) else None
        problem = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    if not problem:
        return
    message = f"Invalid schema for function '{name}': {problem}"
    yield invalid_value(f"{where}.{inner}parameters", message, "invalid_function_parameters")


def chosen_function(choice: Any) -> str:
    """The function that `tool_choice` names; empty for none."""
    if not isinstance(choice, dict) or choice.get("type") != "function":
        return ""
    name = _function_of(choice).get("name")
    return name if isinstance(name, str) else ""


def functions_to_call(body: JsonObject) -> tuple[Function, ...]:
    """The functions of which the answer calls one: those allowed, the named one, or none."""
    choice, tools = body.get("tool_choice"), body.get("tools")
    if choice == "none" or not isinstance(tools, list):
        return ()
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools", choice)
        wanted = allowed.get("tools") if isinstance(allowed, dict) else None
        return functions_to_call({"tools": wanted and [tool for tool in tools if _is_allowed(tool, wanted)]})
    named = chosen_function(choice)
    found = []
    for tool in tools:
        function = _function_of(tool) if isinstance(tool, dict) and tool.get("type") == "function" else {}
        name, parameters = function.get("name"), function.get("parameters")
        if isinstance(name, str) and named in ("", name):
            schema = parameters if isinstance(parameters, dict) else {"type": "object", "properties": {}}
            found.append(Function(name, orjson.dumps(schema).decode()))
    return tuple(found)


def _is_allowed(tool: Any, wanted: Any) -> bool:
    names = [_function_of(one).get("name") for one in wanted if isinstance(one, dict)]
    return isinstance(tool, dict) and _function_of(tool).get("name") in names


def _unsupported(name: str, value: Any, known: tuple[str, ...]) -> Refusal:
    listed = ", ".join(f"'{one}'" for one in known[:-1])
    message = f"Invalid value: '{str(value)[:100]}'. Supported values are: {listed}, and '{known[-1]}'."
    return invalid_value(name, message)
