"""Answers as server-sent events, a few words in each."""

from collections.abc import Iterator
from itertools import count

import orjson

from claimbench.loadgen.fake_openai.wire import JsonObject

_WORDS_PER_CHUNK = 4


def chat_events(body: JsonObject, streamed: str) -> Iterator[bytes]:
    """A chat completion as chunks; `streamed` says whether its usage is told (`usage`)."""
    head = {name: body.get(name) for name in ("id", "created", "model", "service_tier", "system_fingerprint")}
    chunk = {**head, "object": "chat.completion.chunk"}
    for choice in body["choices"]:
        for delta in _deltas(choice["message"]):
            yield _event({**chunk, "choices": [_chunk_choice(choice["index"], delta, None)]})
        yield _event({**chunk, "choices": [_chunk_choice(choice["index"], {}, choice["finish_reason"])]})
    if streamed == "usage":
        yield _event({**chunk, "choices": [], "usage": body["usage"]})
    yield b"data: [DONE]\n\n"


def _deltas(message: JsonObject) -> Iterator[JsonObject]:
    calls = message.get("tool_calls")
    if not calls:
        yield {"role": "assistant", "content": "", "refusal": None}
        yield from ({"content": piece} for piece in _pieces(message["content"] or ""))
        return
    for number, call in enumerate(calls):
        function = {"name": call["function"]["name"], "arguments": ""}
        opening = {"index": number, "id": call["id"], "type": "function", "function": function}
        yield {"role": "assistant", "content": None, "tool_calls": [opening]}
        for piece in _pieces(call["function"]["arguments"]):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    words = text.split(" ")
    for start in range(0, len(words), _WORDS_PER_CHUNK):
        said = " ".join(words[start : start + _WORDS_PER_CHUNK])
        yield said if start == 0 else f" {said}"


def _chunk_choice(index: int, delta: JsonObject, finish_reason: str | None) -> JsonObject:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _event(value: JsonObject) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def response_events(body: JsonObject) -> Iterator[bytes]:
    """A response as named events, numbered in their order."""
    numbers = count()
    begun = {**body, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}

    def event(kind: str, **values: object) -> bytes:
        value = {"type": kind, "sequence_number": next(numbers), **values}
        return b"event: " + kind.encode() + b"\n" + _event(value)

    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for index, item in enumerate(body["output"]):
        place = {"output_index": index, "item_id": item.get("id")}
        opened = {**item, "status": "in_progress"} if "status" in item else item
        yield event("response.output_item.added", output_index=index, item=_emptied(opened))
        if item["type"] == "function_call":
            for piece in _pieces(item["arguments"]):
                yield event("response.function_call_arguments.delta", **place, delta=piece)
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield event("response.function_call_arguments.done", **place, **done)
        for number, part in enumerate(item.get("content", ())):
            here = {**place, "content_index": number}
            yield event("response.content_part.added", **here, part={**part, "text": ""})
            for piece in _pieces(part["text"]):
                yield event("response.output_text.delta", **here, delta=piece, logprobs=[])
            yield event("response.output_text.done", **here, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **here, part=part)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event(f"response.{body['status']}", response=body)


def _emptied(item: JsonObject) -> JsonObject:
    """An item as it begins: without what comes in pieces."""
    empty = {"content": [], "arguments": ""}
    return {name: empty.get(name, value) for name, value in item.items()}
