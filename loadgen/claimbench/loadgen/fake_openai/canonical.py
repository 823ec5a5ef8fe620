"""One form for bodies that mean the same: sorted keys, no white space, UTF-8."""

from hashlib import blake2b

import orjson

from claimbench.loadgen.fake_openai.wire import JsonObject


def canonical(body: JsonObject) -> bytes:
    """The canonical bytes of a JSON object."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def digest(body: JsonObject) -> bytes:
    """16 bytes that stand for the canonical body (BLAKE2b, RFC 7693)."""
    return blake2b(canonical(body), digest_size=16).digest()


def parse_object(raw: bytes) -> JsonObject | None:
    """The JSON object that the bytes hold; None when they hold anything else. ValueError when not JSON."""
    value = orjson.loads(raw)
    return value if isinstance(value, dict) else None
