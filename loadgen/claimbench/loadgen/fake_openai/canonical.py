"""One form for bodies that mean the same: sorted keys, no white space, UTF-8; and its digest."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from claimbench.loadgen.fake_openai.wire import JsonObject

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class SplitBody:
    """A body as the frame that many requests share, in canonical bytes, and its last message's text."""

    frame: bytes
    text: str


def canonical(body: JsonObject) -> bytes:
    """The canonical bytes of a JSON object. TypeError when it is nested too deeply to be written."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def split(body: JsonObject) -> SplitBody | None:
    """Take a chat's body apart; None when its last message has no text. TypeError as for `canonical`.

    The text is taken out of the body and put back, since copies would cost as much as all the rest.
    """
    messages = body.get("messages")
    if type(messages) is not list or not messages:
        return None
    last = messages[-1]
    text = last.get("content") if type(last) is dict else None
    if type(text) is not str:
        return None
    last["content"] = None
    try:
        return SplitBody(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), text)
    finally:
        last["content"] = text


def frame_digest(frame: bytes) -> bytes:
    """16 bytes that stand for canonical bytes (BLAKE2b, RFC 7693)."""
    return blake2b(frame, digest_size=DIGEST_BYTES).digest()


def text_digests(frames: Iterable[bytes], texts: Iterable[str]) -> list[bytes]:
    """16 bytes for each pair of a frame's digest and a text."""
    return [
        blake2b(frame + text.encode(), digest_size=DIGEST_BYTES).digest()
        for frame, text in zip(frames, texts, strict=True)
    ]


def digest(body: JsonObject) -> bytes:
    """16 bytes that stand for the canonical body.

    Frame and text are digested one after the other, so that a file's shared frame is digested only once.
    """
    parts = split(body)
    if parts is None:
        return frame_digest(canonical(body))
    return text_digests([frame_digest(parts.frame)], [parts.text])[0]


def parse_object(raw: bytes) -> JsonObject | None:
    """The JSON object that the bytes hold; None when they hold anything else. ValueError when not JSON."""
    value = orjson.loads(raw)
    return value if isinstance(value, dict) else None
