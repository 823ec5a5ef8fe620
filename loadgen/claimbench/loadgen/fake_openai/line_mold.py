"""Lines that one program wrote are alike: two strings differ, the rest is byte for byte the same."""

import json
import re
from dataclasses import dataclass

import orjson

from claimbench.loadgen.fake_openai.asks import Ask, ReadAsk, names_json, text_tokens
from claimbench.loadgen.fake_openai.canonical import frame_digest, split
from claimbench.loadgen.fake_openai.wire import JsonObject

_PLAIN = re.compile(rb'[^"\\\x00-\x1f\x7f-\xff]+')
"""What a JSON string may hold that stands for itself."""

_MARK_ID, _MARK_TEXT = "8a1f custom id", "c07b text"


@dataclass(frozen=True, slots=True)
class Frame:
    """What a mold's lines ask, without their texts: the ask, the tokens, and the digest of the rest."""

    ask: Ask
    prompt_tokens: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class LineMold:
    """What stands before the custom id, between it and the last text, and behind that, in a line's bytes.

    If a line has these three pieces, and what is between them are whole JSON strings, then it is JSON of the
    same structure as the line that the mold was taken from: parsing it again could find nothing else.
    """

    before: bytes
    between: bytes
    behind: bytes
    frame: Frame

    def filling(self, line: bytes) -> tuple[str, str] | None:
        """The custom id and the last text of a line that fits; None for one that must be parsed."""
        if not (line.startswith(self.before) and line.endswith(self.behind)):
            return None
        start = len(self.before)
        middle = line.find(b'"', start)
        custom_id = line[start:middle]
        if not line.startswith(self.between, middle) or _PLAIN.fullmatch(custom_id) is None:
            return None
        try:
            # The pieces around the text end and begin with its quotes.
            text = orjson.loads(line[middle + len(self.between) - 1 : 1 - len(self.behind)])
        except ValueError:
            return None
        return custom_id.decode(), text


def take_mold(line: bytes, request: JsonObject, read: ReadAsk) -> LineMold | None:
    """The mold of a chat's line that was found good; None when it is not certain that there is one.

    Nothing but the number of tokens may depend on the text that the mold leaves out.
    """
    custom_id, body = request["custom_id"], request["body"]
    parts = split(body)
    if parts is None or (read.ask.json == "json_object" and not names_json(body["messages"][:-1])):
        return None
    text = parts.text
    frame = Frame(read.ask, read.prompt_tokens - text_tokens(text), frame_digest(parts.frame))
    for written in (orjson.dumps(text), json.dumps(text).encode()):
        start, end = line.find(b'"%b"' % custom_id.encode()) + 1, line.rfind(written) + 1
        behind = line[end + len(written) - 2 :]
        between = line[start + len(custom_id.encode()) : end]
        if start > 0 and end > start and between[:1] == between[-1:] == b'"' and behind.startswith(b'"'):
            mold = LineMold(line[:start], between, behind, frame)
            if _proven(mold, line, custom_id):
                return mold
    return None


def _proven(mold: LineMold, line: bytes, custom_id: str) -> bool:
    """Whether other strings in the two places change the custom id and the last text, and nothing else."""
    marked = mold.before + _MARK_ID.encode() + mold.between + _MARK_TEXT.encode() + mold.behind
    try:
        changed: JsonObject = orjson.loads(marked)
        original: JsonObject = orjson.loads(line)
        changed_last, original_last = changed["body"]["messages"][-1], original["body"]["messages"][-1]
        found = (changed.pop("custom_id"), changed_last.pop("content"))
        original_last.pop("content")
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    return original.pop("custom_id") == custom_id and found == (_MARK_ID, _MARK_TEXT) and changed == original
