"""What the API says about the requests of an ended batch: its two files by line, and its bad lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from claimbench.impl.errors import ApiError, LineError
from claimbench.impl.events import Event, EventKind, EventSink
from claimbench.impl.jsonl import result_line
from claimbench.impl.lifecycle import RequestOutcome, outcome_of_line, outcome_without_line
from claimbench.impl.ports import BadLine, BatchApi, Policy
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
    completed_at: datetime | None


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

        keep: is given each request that has a line, and what its first line says, in the order of the lines.
        """
        bad_lines = self._bad_lines(batch)
        missing = outcome_without_line(batch.status, batch.error, bad_lines)
        return BatchResults(self._read_lines(batch, now, keep), bad_lines, missing)

    def _read_lines(self, batch: EndedBatch, now: datetime, keep: Callable[[int, SettledT], object]) -> int:
        known = set[int]()
        lines, is_cut = 0, False
        for file_id in (batch.output_file_id, batch.error_file_id):
            for raw in self._lines(file_id, batch, now) if file_id else ():
                lines += 1
                try:
                    request_id, settled = self.of_line(raw, batch)
                except LineError as error:
                    is_cut = True
                    self.events(Event(EventKind.LINE_REJECTED, f"batch {batch.id}: {error}"))
                    continue
                is_cut = False
                if request_id in known:
                    told = f"batch {batch.id}: request {request_id} again"
                    self.events(Event(EventKind.LINE_REJECTED, told))
                    continue
                known.add(request_id)
                keep(request_id, settled)
            if is_cut and self._may_be_late(batch, now):
                raise ApiError(f"the last line of {file_id} is not whole", retryable=True)
        if lines < batch.answered and self._may_be_late(batch, now):
            raise ApiError(f"{lines} lines of {batch.answered} answers came", retryable=True)
        return len(known)

    def _lines(self, file_id: str, batch: EndedBatch, now: datetime) -> Iterator[bytes]:
        try:
            yield from self.api.download(file_id)
        except ApiError as error:
            if error.status_code not in (404, 410) or self._may_be_late(batch, now):
                raise
            self.events(Event(EventKind.API_ERROR, f"batch {batch.id}: {file_id} is gone: {error}"))

    def _may_be_late(self, batch: EndedBatch, now: datetime) -> bool:
        """Whether another look may find what is missing of a file.

        A file can come short with its length told accordingly: then nothing shows it but what is in it.
        Waiting for what will not come would hold its requests for ever.
        """
        ended_at = batch.completed_at
        return ended_at is not None and now - ended_at < self.policy.missing_file_patience

    def _bad_lines(self, batch: EndedBatch) -> tuple[BadLine, ...]:
        """The lines for which the API failed the batch; their numbers are in the order of the input file."""
        if batch.status is not BatchStatus.FAILED or batch.openai_batch_id is None:
            return ()
        try:
            return self.api.retrieve(batch.openai_batch_id).bad_lines
        except ApiError as error:
            if error.status_code == 404:
                return ()
            raise
