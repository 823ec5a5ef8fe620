"""Answers of one's own: given by custom id or body in a file, or recorded from a pair of batch files."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.canonical import digest
from claimbench.loadgen.fake_openai.model_requests import text_tokens
from claimbench.loadgen.fake_openai.replies import ReplyInput, reply
from claimbench.loadgen.fake_openai.wire import JsonObject

_KEYS = frozenset({"custom_id", "body", "answer", "status", "response", "error", "id", "method", "url"})


@dataclass(frozen=True)
class Fixture:
    """What is answered: a whole body of a response, or the text that the usual body says; and its place.

    `error` is that of a result line without a response: such a request was never executed.
    """

    where: str
    status: int
    body: JsonObject | None = None
    answer: str = ""
    error: JsonObject | None = None

    def reply(self, given: ReplyInput) -> JsonObject:
        """The body of the response."""
        if self.body is not None:
            return self.body
        if self.status >= 400:
            error = {"message": self.answer, "type": "invalid_request_error", "param": None, "code": None}
            return {"error": error}
        return _saying(self.answer, reply(given))

    def usage(self, given: ReplyInput) -> JsonObject:
        """The usage of the reply, by the names that either endpoint has for it."""
        found = self.reply(given).get("usage")
        return found if isinstance(found, dict) else {}


def _saying(answer: str, body: JsonObject) -> JsonObject:
    """The usual body of an endpoint, which says this."""
    tokens = text_tokens(answer)
    usage = dict(body.get("usage", {}))
    if "choices" in body:
        choice = body["choices"][0]
        if "message" in choice:
            said: JsonObject = {"role": "assistant", "content": answer, "refusal": None, "annotations": []}
            choice = {**choice, "message": said, "logprobs": None, "finish_reason": "stop"}
        else:
            choice = {**choice, "text": answer, "finish_reason": "stop"}
        prompt = usage.get("prompt_tokens", 0)
        usage |= {"completion_tokens": tokens, "total_tokens": prompt + tokens}
        return {**body, "choices": [choice], "usage": usage}
    if body.get("object") == "response":
        content = {"type": "output_text", "text": answer, "annotations": [], "logprobs": []}
        message = {"type": "message", "role": "assistant", "status": "completed", "content": [content]}
        usage |= {"output_tokens": tokens, "total_tokens": usage.get("input_tokens", 0) + tokens}
        item = {"id": f"msg_{body['id'].removeprefix('resp_')}", **message}
        whole = {"status": "completed", "incomplete_details": None, "output": [item], "usage": usage}
        return {**body, **whole}
    return body


@dataclass(frozen=True)
class Fixtures:
    """All fixtures, by custom id and by the digest of the canonical body; `used` are those that were met."""

    by_custom_id: dict[str, Fixture] = field(default_factory=dict)
    by_body: dict[bytes, Fixture] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.by_custom_id or self.by_body)

    @property
    def fingerprint(self) -> str:
        """Stands for all of them: the same for the same fixtures only."""
        both = {**self.by_custom_id, **{key.hex(): one for key, one in self.by_body.items()}}
        parts = [
            f"{key}\x1f{one.status}\x1f{one.body}\x1f{one.answer}\x1f{one.error}" for key, one in both.items()
        ]
        return blake2b("\x1e".join(sorted(parts)).encode(errors="replace"), digest_size=16).hexdigest()

    def of_body(self, body_digest: bytes) -> Fixture | None:
        """The fixture of a request by its body."""
        return self._met(self.by_body.get(body_digest))

    def of_line(self, custom_id: Callable[[], str], body_digest: bytes) -> Fixture | None:
        """The fixture of a line of a batch: that of its custom id goes before that of its body."""
        found = self.by_custom_id.get(custom_id()) if self.by_custom_id else None
        return self._met(found or self.by_body.get(body_digest))

    def _met(self, found: Fixture | None) -> Fixture | None:
        if found is not None:
            self.used.add(found.where)
        return found

    def unused(self) -> tuple[str, ...]:
        """The places of the fixtures that no request has met."""
        places = {one.where for one in (*self.by_custom_id.values(), *self.by_body.values())}
        return tuple(sorted(places - self.used))


NO_FIXTURES = Fixtures()


def load_fixtures(paths: Iterable[Path]) -> Fixtures:
    """Read fixture files, or the input and the output file of a batch. UsageError names file and line."""
    asked: dict[str, bytes] = {}
    fixtures, results = Fixtures(), dict[str, tuple[str, JsonObject]]()
    paths = tuple(paths)
    for where, line in _lines(paths):
        custom_id = line.get("custom_id")
        if "answer" in line or "status" in line or ("body" in line and "response" in line):
            _keep(_own(where, line), line, fixtures)
        elif "method" in line or "url" in line:
            if isinstance(custom_id, str) and isinstance(line.get("body"), dict):
                asked[custom_id] = digest(line["body"])
        elif ("response" in line or "error" in line) and isinstance(custom_id, str):
            results[custom_id] = (where, line)
        else:
            raise _bad(where, "this is no fixture: it has no answer, status or response")
    for custom_id, (where, line) in results.items():
        if asked and custom_id not in asked:
            raise _bad(where, f"no input line has the custom_id {custom_id!r}, so it matches nothing")
        found = _recorded(where, line)
        fixtures.by_custom_id[custom_id] = found
        if custom_id in asked:
            fixtures.by_body[asked[custom_id]] = found
    if paths and not fixtures:
        raise _bad(", ".join(map(str, paths)), "there is no fixture in it, so it matches nothing")
    return fixtures


def _lines(paths: Iterable[Path]) -> Iterator[tuple[str, JsonObject]]:
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"cannot be read ({error})", where=str(path), remedy="name a JSONL file"
            ) from error
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                where = f"{path}:{number}"
                try:
                    value = orjson.loads(line)
                except ValueError as error:
                    raise _bad(where, f"this is not JSON: {error}") from error
                if not isinstance(value, dict):
                    raise _bad(where, "this is no JSON object")
                yield where, value


def _keep(found: Fixture, line: JsonObject, fixtures: Fixtures) -> None:
    for name in line:
        if name not in _KEYS:
            raise _bad(found.where, f"there is no key {name!r}; there are {', '.join(sorted(_KEYS))}")
    custom_id, body = line.get("custom_id"), line.get("body")
    if not isinstance(custom_id, str | None) or not isinstance(body, dict | None):
        raise _bad(found.where, "custom_id is a text, and body an object")
    if not custom_id and body is None:
        raise _bad(found.where, "it matches nothing: it has neither custom_id nor body")
    earlier = fixtures.by_custom_id.get(custom_id or "")
    if custom_id and earlier and "answer" in line:
        raise _bad(found.where, f"custom_id {custom_id!r} has another answer at {earlier.where}")
    if custom_id:
        fixtures.by_custom_id[custom_id] = found
    if body is not None:
        fixtures.by_body[digest(body)] = found


def _own(where: str, line: JsonObject) -> Fixture:
    status, answer, response = line.get("status", 200), line.get("answer", ""), line.get("response")
    if response is None and isinstance(line.get("error"), dict):
        return _recorded(where, line)
    if type(status) is not int or not (status == 200 or 400 <= status <= 599):
        raise _bad(where, f"status is {status!r}, but must be 200 or from 400 to 599")
    if isinstance(response, dict) and "status_code" in response:
        return _recorded(where, line)
    if response is not None and not isinstance(response, dict):
        raise _bad(where, "response is the body of a response, an object")
    said = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return Fixture(where, status, response, said)


def _recorded(where: str, line: JsonObject) -> Fixture:
    """A line of an output or error file, as it was."""
    response: Any = line.get("response")
    if response is None:
        error = line.get("error")
        return Fixture(where, 0, error=error if isinstance(error, dict) else {"code": None, "message": ""})
    if not isinstance(response, dict):
        raise _bad(where, "its response is no JSON object")
    status, body = response.get("status_code"), response.get("body")
    if type(status) is not int or not isinstance(body, dict):
        raise _bad(where, "its response has no status_code and body")
    return Fixture(where, status, body)


class Recording:
    """Writes what was asked and answered as fixtures, which another server can be given."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: set[str] = set()
        try:
            path.write_bytes(b"")
        except OSError as error:
            raise UsageError(f"cannot be written ({error})", where=str(path), remedy="name a file") from error

    def results(self, file_id: str, lines: Iterable[bytes], bodies: Mapping[str, JsonObject]) -> None:
        """Record a file of results, once; `bodies` are those of the requests by custom id."""
        if file_id in self._done:
            return
        self._done.add(file_id)
        with self._path.open("ab") as file:
            for line in lines:
                found = orjson.loads(line)
                asked = {"custom_id": found["custom_id"], "body": bodies.get(found["custom_id"])}
                told = {"response": found["response"], "error": found["error"]}
                file.write(orjson.dumps({**asked, **told}) + b"\n")

    def direct(self, body: JsonObject, status: int, answer: bytes) -> None:
        """Record a request outside of a batch."""
        response = {"status_code": status, "body": orjson.loads(answer)}
        with self._path.open("ab") as file:
            file.write(orjson.dumps({"body": body, "response": response}) + b"\n")


def _bad(where: str, what: str) -> UsageError:
    return UsageError(what, where=where, remedy="see docs/fake-openai.md, section Answers of your own")
