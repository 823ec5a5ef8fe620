"""What the API says about the requests of an ended batch: its two files by line, and its bad lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from claimbench.impl.errors import ApiError, IncompleteFilesError, LineError
from claimbench.impl.events import Event, EventKind, EventSink
from claimbench.impl.jsonl import result_line
from claimbench.impl.lifecycle import RequestOutcome, outcome_of_line, outcome_without_line, wait_for_files
from claimbench.impl.ports import ApiBatch, BadLine, BatchApi, Policy
from claimbench.impl.statuses import BatchStatus


@dataclass(frozen=True, slots=True)
class EndedBatch:
    """As much of an ended batch as reading its results needs."""

    id: int
    model: str
    status: BatchStatus
    error: str | None
    openai_batch_id: str | None
    output_file_id: str | None
    error_file_id: str | None
    answered: int
    """How many lines its output file should have, as the API counts; it miscounts now and then."""
    incomplete_since: int | None
    """As in `claimbench.impl.schema.BatchRequest`."""


_GONE = (404, 410)


class _CameOfFile(NamedTuple):
    """What came of a file: its bytes with an end for each line, its lines, and whether the last is none."""

    size: int
    lines: int
    is_cut: bool


SettledT = TypeVar("SettledT")
"""What a line becomes."""


def settled_request(raw: bytes, batch: EndedBatch) -> tuple[int, RequestOutcome]:
    """The request of a result line and its outcome; LineError when it is none."""
    line = result_line(raw)
    return line.custom_id.request_id, outcome_of_line(line, batch.model)


@dataclass(frozen=True, slots=True)
class BatchResults:
    """What an ended batch says: of so many requests by a line, of lines of its input, of all others."""

    lines: int
    bad_lines: tuple[BadLine, ...]
    missing: RequestOutcome
    """What becomes of the requests that nothing is said about."""


@dataclass(frozen=True, slots=True)
class ResultReader(Generic[SettledT]):
    """Reads the results of ended batches; told as events is what is wrong with them."""

    api: BatchApi
    policy: Policy
    events: EventSink
    of_line: Callable[[bytes, EndedBatch], tuple[int, SettledT]]
    """A request's id and what the line says of it; LineError for a line that says nothing of any request."""

    def read(self, batch: EndedBatch, now: datetime, keep: Callable[[int, SettledT], object]) -> BatchResults:
        """Everything about one batch. ApiError when the API does not give it now: then nothing is settled.

        It is an IncompleteFilesError where files came short: when that was first seen has to be remembered.
        keep: is given each request that has a line, and what its first line says, in the order of the lines.
        """
        bad_lines = self._bad_lines(batch)
        missing = outcome_without_line(batch.status, batch.error, bad_lines)
        return BatchResults(self._read_lines(batch, now, keep), bad_lines, missing)

    def _read_lines(self, batch: EndedBatch, now: datetime, keep: Callable[[int, SettledT], object]) -> int:
        known = set[int]()
        for file_id, expected in ((batch.output_file_id, batch.answered), (batch.error_file_id, 0)):
            if file_id is None:
                if expected:
                    self._wait(batch, now, "its output file is not named")
                continue
            came = self._read_file(file_id, batch, now, partial(self._kept, batch, known, keep))
            if came.is_cut or came.lines < expected:
                self._check_whole(file_id, came, batch, now)
        return len(known)

    def _read_file(
        self, file_id: str, batch: EndedBatch, now: datetime, take: Callable[[bytes], bool]
    ) -> _CameOfFile:
        size = lines = 0
        is_good = True
        for line in self._lines(file_id, batch, now):
            size += len(line) + 1
            if raw := line.rstrip(b"\r"):
                lines += 1
                is_good = take(raw)
        return _CameOfFile(size, lines, is_cut=not is_good)

    def _kept(
        self, batch: EndedBatch, known: set[int], keep: Callable[[int, SettledT], object], raw: bytes
    ) -> bool:
        """Whether it is a line that says something of a request."""
        try:
            request_id, settled = self.of_line(raw, batch)
        except LineError as error:
            self.events(Event(EventKind.LINE_REJECTED, f"batch {batch.id}: {error}"))
            return False
        if request_id in known:
            self.events(Event(EventKind.LINE_REJECTED, f"batch {batch.id}: request {request_id} again"))
        else:
            known.add(request_id)
            keep(request_id, settled)
        return True

    def _lines(self, file_id: str, batch: EndedBatch, now: datetime) -> Iterator[bytes]:
        try:
            yield from self.api.download(file_id)
        except ApiError as error:
            if error.status_code not in _GONE:
                raise
            self._wait(batch, now, str(error))
            self.events(Event(EventKind.API_ERROR, f"batch {batch.id}: {file_id} is gone: {error}"))

    def _check_whole(self, file_id: str, came: _CameOfFile, batch: EndedBatch, now: datetime) -> None:
        """ApiError while there is more of the file than came: its end, or a line of an answer, is missing.

        A file can come short with its length told accordingly: then nothing shows it but what is in it, and
        that the API keeps more. Of a file that is whole nothing more will come, whatever the API counts.
        """
        size = self._size(file_id)
        if not size:
            self._wait(batch, now, f"{came.lines} whole lines of {batch.answered} answers came")
        elif came.size < size:
            told = f"batch {batch.id}: {came.size} bytes of {size} came of {file_id}"
            raise ApiError(told, retryable=True)

    def _size(self, file_id: str) -> int | None:
        try:
            return self.api.file_size(file_id)
        except ApiError as error:
            if error.status_code not in _GONE:
                raise
            return None

    def _wait(self, batch: EndedBatch, now: datetime, lacking: str) -> None:
        """IncompleteFilesError while another look may find what is missing; not for ever."""
        seen = self._seen(batch)
        if seen is None:
            return
        wait = wait_for_files(seen, batch.incomplete_since, self.policy, now)
        if not wait.is_over:
            raise IncompleteFilesError(f"batch {batch.id}: {lacking}", wait.since)

    def _bad_lines(self, batch: EndedBatch) -> tuple[BadLine, ...]:
        """The lines for which the API failed the batch; their numbers are in the order of the input file."""
        seen = self._seen(batch) if batch.status is BatchStatus.FAILED else None
        return seen.bad_lines if seen else ()

    def _seen(self, batch: EndedBatch) -> ApiBatch | None:
        """What the API says of the batch now; None when it never had it, or has lost it."""
        if batch.openai_batch_id is None:
            return None
        try:
            return self.api.retrieve(batch.openai_batch_id)
        except ApiError as error:
            if error.status_code == 404:
                return None
            raise
