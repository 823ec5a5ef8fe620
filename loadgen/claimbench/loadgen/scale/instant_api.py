"""An API that costs next to nothing: what it answers is written between two stages, outside any clock.

So the time of a stage over it is the time of the pipeline and its database alone.
"""

import json
import os
import threading
import zlib
from array import array
from collections.abc import Collection, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

import orjson

from claimbench.impl.ports import ApiBatch, Completion
from claimbench.impl.prompts import ANSWER_KEYS
from claimbench.impl.statuses import BatchStatus

_ANSWER = {
    "sentiment": "POSITIVE",
    "category": "SALES",
    "summary": 'They asked for an offer and said "soon".',
    "language": "en",
}
_ANSWERED = (
    '{"id":"batch_req_%(number)d","custom_id":"%(name)s-%(number)d","response":{"status_code":200,'
    '"request_id":"req_%(number)d","body":{"id":"chatcmpl-%(number)d","object":"chat.completion",'
    '"created":1768478400,"model":"%(model)s","choices":[{"index":0,"message":{"role":"assistant",'
    '"content":%(content)s,"refusal":null},"logprobs":null,"finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":%(given)d,"completion_tokens":%(made)d,"total_tokens":%(total)d}}},"error":null}\n'
)
_REFUSED = (
    '{"id":"batch_req_%(number)d","custom_id":"%(name)s-%(number)d","response":{"status_code":500,'
    '"request_id":"req_%(number)d","body":{"error":{"message":"The server had an error.",'
    '"type":"server_error","param":null,"code":"server_error"}}},"error":null}\n'
)
_KEYS = {kind.value.lower(): keys for kind, keys in ANSWER_KEYS.items()}
_CONTENTS = {
    name: json.dumps(json.dumps({key: _ANSWER[key] for key in keys})) for name, keys in _KEYS.items()
}


class InstantApi:
    """A `BatchApi` whose files lie one after the other in three on disk. Which requests fail depends on their
    number alone; which bytes are whose is kept as numbers, so that thousands of batches take no memory.
    """

    def __init__(self, folder: Path, failed_line_rate: float) -> None:
        self._failed_line_rate = failed_line_rate
        self._uploads = _Store(folder / "uploads")
        self._answers, self._refusals = _Store(folder / "answers"), _Store(folder / "refusals")
        self._counts = array("q")
        """How many answers each answered batch has; a batch has the number of its input file."""
        self._lock = threading.Lock()
        self.sent = 0
        """Of all lines and bodies that were sent: the sum of their CRC-32, whatever their order."""

    def close(self) -> None:
        """Forget all files."""
        for store in (self._uploads, self._answers, self._refusals):
            store.file.close()

    def upload(self, filename: str, lines: BinaryIO) -> str:  # noqa: ARG002 (the port's)
        """Keep the file."""
        with self._lock:
            for part in iter(partial(lines.read, 1 << 15), b""):
                self._uploads.write(part)
            return f"file-{self._uploads.end()}"

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        """Take it up."""
        return ApiBatch(f"batch_{input_file_id}", BatchStatus.VALIDATING, input_file_id, metadata=metadata)

    def find_batches(
        self,
        keys: Collection[str],  # noqa: ARG002 (the port's)
        since: int | None = None,  # noqa: ARG002 (the port's)
    ) -> Mapping[str, ApiBatch]:
        """Nothing is ever interrupted here."""
        return {}

    def retrieve(self, batch_id: str) -> ApiBatch:
        """Completed, once its answers are written."""
        file_id = batch_id.removeprefix("batch_")
        number = int(file_id.removeprefix("file-"))
        if number >= len(self._counts):
            return ApiBatch(batch_id, BatchStatus.IN_PROGRESS, file_id)
        return ApiBatch(
            batch_id,
            BatchStatus.COMPLETED,
            file_id,
            output_file_id=f"answers-{number}",
            error_file_id=f"refusals-{number}" if self._refusals.size(number) else None,
            answered=self._counts[number],
        )

    def download(self, file_id: str) -> Iterator[bytes]:
        """The lines of a file."""
        store, number = self._found(file_id)
        return store.lines(number)

    def file_size(self, file_id: str) -> int:
        """Bytes."""
        store, number = self._found(file_id)
        return store.size(number)

    def _found(self, file_id: str) -> tuple["_Store", int]:
        kind, _, number = file_id.rpartition("-")
        return (self._answers if kind == "answers" else self._refusals), int(number)

    def complete(self, body: Mapping[str, object]) -> Completion:
        """What the same prompt always gets."""
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        with self._lock:
            self.sent += zlib.crc32(text)
        asked = text.partition(b"JSON keys: ")[2].partition(b'"')[0].decode()
        return Completion(_said(asked), 80, 12)

    def answer_all(self) -> None:
        """Write the answers to all that was sent."""
        with self._lock:
            for number in range(len(self._counts), self._uploads.count):
                self._answer(number)

    def _answer(self, number: int) -> None:
        answered, bound = 0, self._failed_line_rate * 1000
        for line in self._uploads.lines(number):
            self.sent += zlib.crc32(line)
            name, _, request = line.split(b'"', 4)[3].decode().rpartition("-")
            values = _values(name, int(request))
            if int(request) * 2654435761 % 2**32 % 1000 < bound:
                self._refusals.write((_REFUSED % values).encode())
            else:
                self._answers.write((_ANSWERED % values).encode())
                answered += 1
        self._answers.end()
        self._refusals.end()
        self._counts.append(answered)


class _Store:
    """Numbered files, one after the other in one on disk."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w+b", buffering=0)
        self._ends = array("q", [0])
        self._written = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._ends) - 1

    def write(self, part: bytes) -> None:
        """Add to the file that is being written."""
        self._written += os.pwrite(self.file.fileno(), part, self._written)

    def end(self) -> int:
        """What was written since the last one is a file; its number, from 0."""
        self._ends.append(self._written)
        return self.count - 1

    def size(self, number: int) -> int:
        """Bytes."""
        return self._ends[number + 1] - self._ends[number]

    def lines(self, number: int) -> Iterator[bytes]:
        """Its lines, without their ends."""
        start, end, rest = self._ends[number], self._ends[number + 1], b""
        while start < end:
            part = os.pread(self.file.fileno(), min(1 << 13, end - start), start)
            start += len(part)
            *lines, rest = (rest + part).split(b"\n")
            yield from lines


@cache
def _said(asked: str) -> str:
    return json.dumps({key: _ANSWER[key] for key in asked.split(", ")})


def _values(name: str, number: int) -> Mapping[str, object]:
    given, made = 80 + number % 400, 10 + number % 60
    return {
        "name": name,
        "number": number,
        "model": "gpt-4o-mini",
        "content": _CONTENTS[name],
        "given": given,
        "made": made,
        "total": given + made,
    }
