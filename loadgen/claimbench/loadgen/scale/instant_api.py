"""An API that costs next to nothing: what it answers is written between two stages, outside any clock.

So the time of a stage over it is the time of the pipeline and its database alone.
"""

import json
import shutil
import threading
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

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


@dataclass
class InstantApi:
    """A `BatchApi` whose files lie in a folder. Which requests fail depends on their number alone."""

    folder: Path
    failed_line_rate: float
    _sizes: dict[str, int] = field(default_factory=dict)
    """How many requests each answered batch had; a batch has the name of its input file."""
    _waiting: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _uploads: int = 0
    sent: int = 0
    """Of all lines and bodies that were sent: the sum of their CRC-32, whatever their order."""

    def upload(self, filename: str, lines: BinaryIO) -> str:  # noqa: ARG002 (the port's)
        """Keep the file."""
        with self._lock:
            self._uploads += 1
            file_id = f"file-{self._uploads}"
        with (self.folder / file_id).open("wb") as kept:
            shutil.copyfileobj(lines, kept, 1 << 18)
        return file_id

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        """Take it up."""
        with self._lock:
            self._waiting.append(input_file_id)
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
        if file_id not in self._sizes:
            return ApiBatch(batch_id, BatchStatus.IN_PROGRESS, file_id)
        given, failed = f"{file_id}-answers", f"{file_id}-errors"
        return ApiBatch(
            batch_id,
            BatchStatus.COMPLETED,
            file_id,
            output_file_id=given,
            error_file_id=failed if (self.folder / failed).exists() else None,
            answered=self._sizes[file_id],
        )

    def download(self, file_id: str) -> Iterator[bytes]:
        """The lines of a file."""
        with (self.folder / file_id).open("rb") as lines:
            for line in lines:
                yield line.rstrip(b"\n")

    def complete(self, body: Mapping[str, object]) -> Completion:
        """What the same prompt always gets."""
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        with self._lock:
            self.sent += zlib.crc32(text.encode())
        asked = json.loads(text)["messages"][0]["content"].rpartition("JSON keys: ")[2].split(", ")
        return Completion(json.dumps({key: _ANSWER[key] for key in asked}), 80, 12)

    def answer_all(self) -> None:
        """Write the answers to all that was sent; the input files are gone afterwards."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for file_id in waiting:
            self._sizes[file_id] = self._answered(file_id)

    def _answered(self, file_id: str) -> int:
        given, failed = self.folder / f"{file_id}-answers", self.folder / f"{file_id}-errors"
        bound, refusals, count = self.failed_line_rate * 1000, list[str](), 0
        with (self.folder / file_id).open("rb") as lines, given.open("w") as answers:
            for line in lines:
                count += 1
                self.sent += zlib.crc32(line)
                name, _, number = line.split(b'"', 4)[3].decode().rpartition("-")
                values = _values(name, int(number))
                if int(number) * 2654435761 % 2**32 % 1000 < bound:
                    refusals.append(_REFUSED % values)
                else:
                    answers.write(_ANSWERED % values)
        if refusals:
            failed.write_text("".join(refusals))
        (self.folder / file_id).unlink()
        return count


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
