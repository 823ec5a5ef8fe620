"""Lines that one program wrote are alike: two strings differ, the rest is byte for byte the same."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from claimbench.loadgen.fake_openai.canonical import frame_digest, split, text_digests
from claimbench.loadgen.fake_openai.model_requests import CountedRequest, text_tokens
from claimbench.loadgen.fake_openai.request_reading import names_json
from claimbench.loadgen.fake_openai.wire import JsonObject

_MARK_ID, _MARK_TEXT = "8a1f custom id", "c07b text"
_SEPARATOR, _SEPARATOR_JSON = "\x1e", b"\\u001e"
_SEPARATOR_PREFIX = b"\\u001"
"""How the separator begins in whatever case it is written."""


@dataclass(frozen=True, slots=True)
class LineTemplate:
    """What stands before the custom id, between it and the last text, and behind that, in a line's bytes.

    If a line has these three pieces, and what is between them are whole JSON strings, then it is JSON of the
    same structure as the line that the template was taken from: parsing it again could find nothing else.
    `ask_number`, `prompt_tokens` and `digest` are those of such a line without its text; `start` and `end`
    are where the custom id begins and, counted from the line's end, the text ends.
    """

    before: bytes
    between: bytes
    behind: bytes
    request_number: int
    prompt_tokens: int
    digest: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LineValues:
    """What lines that follow each other ask, one item for each line."""

    custom_ids: Sequence[str]
    request_numbers: Sequence[int]
    prompt_tokens: Sequence[int]
    digests: Sequence[bytes]


class TemplateRun:
    """Lines that follow each other and fit templates, and the strings in them, still as JSON has them."""

    def __init__(self, templates: list[LineTemplate]) -> None:
        self._known = templates
        self.lines: list[bytes] = []
        self._templates: list[LineTemplate] = []
        self._strings: list[bytes] = []

    def clear(self) -> None:
        """Begin a new run."""
        self.lines, self._templates, self._strings = [], [], []

    def extend(self, lines: Iterable[bytes]) -> bytes | None:
        """Take lines into the run while they have the three pieces of a template; give the first without."""
        known, strings = self._known, self._strings
        for line in lines:
            for template in known:
                if line.startswith(template.before) and line.endswith(template.behind):
                    custom_id, found, text = line[template.start : template.end].partition(template.between)
                    if found:
                        self.lines.append(line)
                        self._templates.append(template)
                        strings.append(custom_id)
                        strings.append(text)
                        break
            else:
                return line
        return None

    def values(self) -> LineValues | None:
        """What the lines ask; None when any of their strings is not one whole JSON string.

        All strings are read at once, as one long string in which an escaped separator stands between them.
        As many as before come out of it only if each is a string by itself: a quote in one would end the
        long string, and one that ends in an escape would swallow the separator behind it.
        """
        joined = _SEPARATOR_JSON.join(self._strings)
        if joined.count(_SEPARATOR_PREFIX) != len(self._strings) - 1:
            return None
        try:
            strings = orjson.loads(b'"%b"' % joined).split(_SEPARATOR)
        except ValueError:
            return None
        if len(strings) != len(self._strings):
            return None
        templates, texts = self._templates, strings[1::2]
        return LineValues(
            strings[::2],
            [template.request_number for template in templates],
            [
                template.prompt_tokens + (len(text) + 3) // 4
                for template, text in zip(templates, texts, strict=True)
            ],
            text_digests([template.digest for template in templates], texts),
        )


def template_of(
    line: bytes, request: JsonObject, read: CountedRequest, request_number: int
) -> LineTemplate | None:
    """The template of a chat's line that was found good; None when it is not certain that there is one.

    Nothing but the number of tokens may depend on the text that the template leaves out.
    """
    custom_id, body = request["custom_id"], request["body"]
    parts = split(body)
    if parts is None or (read.model_request.json == "json_object" and not names_json(body["messages"][:-1])):
        return None
    text = parts.text
    tokens, digest = read.prompt_tokens - text_tokens(text), frame_digest(parts.frame)
    for written in (orjson.dumps(text), json.dumps(text).encode()):
        start, end = line.find(b'"%b"' % custom_id.encode()) + 1, line.rfind(written) + 1
        behind = line[end + len(written) - 2 :]
        between = line[start + len(custom_id.encode()) : end]
        if start > 0 and end > start and between[:1] == between[-1:] == b'"' and behind.startswith(b'"'):
            template = LineTemplate(
                line[:start], between, behind, request_number, tokens, digest, start, -len(behind)
            )
            if _proven(template, line, custom_id):
                return template
    return None


def _proven(template: LineTemplate, line: bytes, custom_id: str) -> bool:
    """Whether other strings in the two places change the custom id and the last text, and nothing else."""
    marked = template.before + _MARK_ID.encode() + template.between + _MARK_TEXT.encode() + template.behind
    try:
        changed: JsonObject = orjson.loads(marked)
        original: JsonObject = orjson.loads(line)
        changed_last, original_last = changed["body"]["messages"][-1], original["body"]["messages"][-1]
        found = (changed.pop("custom_id"), changed_last.pop("content"))
        original_last.pop("content")
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    return original.pop("custom_id") == custom_id and found == (_MARK_ID, _MARK_TEXT) and changed == original
