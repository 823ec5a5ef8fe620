"""What the API did, read from its own store when all is over: batches, their lines, and the results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from claimbench.impl.statuses import BatchStatus
from claimbench.loadgen.fake_openai.wire import ApiRequest
from claimbench.loadgen.oracle.recorder import ApiRecorder, Chat, ChatReply, read_reply

_PAGE = 100
_PATIENCE = 60
"""Faults of calls befall this reading too; those that end do so within this many tries."""


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """What a result file says of one line: the status (0 where there is none), and the answer if any."""

    custom_id: str
    status: int
    code: str | None
    reply: ChatReply | None


@dataclass(frozen=True, slots=True)
class ApiBatchRecord:
    """A batch: the bytes of its input's lines, and those of its results' lines that can be read."""

    id: str
    status: BatchStatus
    key: str | None
    company: str | None
    lines: tuple[bytes, ...]
    results: tuple[RecordedResult, ...]
    bad_lines: tuple[int, ...]
    """Numbers of the lines, from 1, for which the API failed the batch."""

    @property
    def was_asked(self) -> bool:
        """Whether its lines came to the model: a batch that fails does so before."""
        return self.status is not BatchStatus.FAILED


@dataclass(frozen=True, slots=True)
class ApiRecord:
    """All batches, oldest first, all chat completions, and the lines of every uploaded file."""

    batches: tuple[ApiBatchRecord, ...]
    chats: tuple[Chat, ...]
    files: tuple[tuple[bytes, ...], ...]


def read_api_record(recorder: ApiRecorder, key_name: str) -> ApiRecord:
    """Read everything; `key_name` is the metadata entry that holds a batch's key."""
    batches = tuple(
        _batch(recorder, shown, key_name) for shown in reversed(list(_pages(recorder, "batches")))
    )
    files = tuple(
        tuple(_content(recorder, shown["id"]))
        for shown in _pages(recorder, "files")
        if shown["purpose"] == "batch"
    )
    return ApiRecord(batches, recorder.chats, files)


def _batch(recorder: ApiRecorder, shown: Any, key_name: str) -> ApiBatchRecord:
    metadata = shown["metadata"] or {}
    errors = shown["errors"]["data"] if shown["errors"] else ()
    results = (
        line
        for file_id in (shown["output_file_id"], shown["error_file_id"])
        if file_id
        for line in _content(recorder, file_id)
    )
    return ApiBatchRecord(
        id=shown["id"],
        status=BatchStatus(shown["status"].upper()),
        key=metadata.get(key_name),
        company=metadata.get("company_id"),
        lines=tuple(_content(recorder, shown["input_file_id"])),
        results=tuple(_readable(results)),
        bad_lines=tuple(error["line"] for error in errors if error["line"]),
    )


def _readable(lines: Iterator[bytes]) -> Iterator[RecordedResult]:
    """The first line of each request counts, as it does for whoever reads the file once."""
    seen: set[str] = set()
    for raw in lines:
        try:
            line = orjson.loads(raw)
        except ValueError:
            continue
        if line["custom_id"] in seen:
            continue
        seen.add(line["custom_id"])
        response, error = line["response"] or {}, line["error"] or {}
        body = response.get("body") or {}
        status = response.get("status_code", 0)
        code = error.get("code") or (body.get("error") or {}).get("code")
        yield RecordedResult(line["custom_id"], status, code, read_reply(body) if status == 200 else None)


def _pages(recorder: ApiRecorder, what: str) -> Iterator[Any]:
    after = ""
    while True:
        page = orjson.loads(
            _get(recorder, f"/v1/{what}", f"limit={_PAGE}{after}", _is_json) or b'{"data":[]}'
        )
        yield from page["data"]
        if not page.get("has_more"):
            return
        after = f"&after={page['data'][-1]['id']}"


def _content(recorder: ApiRecorder, file_id: str) -> list[bytes]:
    shown = _get(recorder, f"/v1/files/{file_id}", "", _is_json)
    if not shown:
        return []
    size = orjson.loads(shown)["bytes"]
    body = _get(recorder, f"/v1/files/{file_id}/content", "", lambda there: len(there) == size)
    return [line for line in body.split(b"\n") if line]


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except ValueError:
        return False
    return True


def _get(recorder: ApiRecorder, path: str, query: str, is_whole: Callable[[bytes], bool]) -> bytes:
    """The body, once the call is let through whole; nothing for what the API does not have."""
    request = ApiRequest("GET", path, query, {"authorization": "Bearer oracle"})
    for _ in range(_PATIENCE):
        response = recorder.fake.handle(request)
        if response.status == 404:
            return b""
        if response.status == 200 and response.delivery.sent_share == 1:
            body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
            if is_whole(body):
                return body
    raise AssertionError(f"the fake's faults never let {path} through")
