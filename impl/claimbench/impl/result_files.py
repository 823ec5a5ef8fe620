"""The output and error file of an ended batch, read as outcomes."""

from collections.abc import Iterator
from dataclasses import dataclass

from claimbench.impl.errors import LineError
from claimbench.impl.events import Event, EventKind, EventSink
from claimbench.impl.jsonl import result_line
from claimbench.impl.lifecycle import Outcome, outcome_of_line
from claimbench.impl.ports import BatchApi


@dataclass(frozen=True, slots=True)
class EndedBatch:
    """As much of an ended batch as reading its results needs."""

    id: int
    model: str
    output_file_id: str | None
    error_file_id: str | None


@dataclass(frozen=True, slots=True)
class SettledRequest:
    """One request of a batch, and what its line says becomes of it."""

    request_id: int
    outcome: Outcome


def read_results(api: BatchApi, batch: EndedBatch, events: EventSink) -> tuple[SettledRequest, ...]:
    """One outcome for each request that has a line, by request id; the first line of a request counts.

    Lines that are not one, and repeated ones, are told as events. ApiError when a file cannot be read.
    """
    outcomes: dict[int, Outcome] = {}
    for raw in _lines(api, batch):
        try:
            line = result_line(raw)
        except LineError as error:
            events(Event(EventKind.LINE_REJECTED, f"batch {batch.id}: {error}"))
            continue
        request_id = line.custom_id.request_id
        if request_id in outcomes:
            events(Event(EventKind.LINE_REJECTED, f"batch {batch.id}: request {request_id} again"))
            continue
        outcomes[request_id] = outcome_of_line(line, batch.model)
    return tuple(SettledRequest(key, outcomes[key]) for key in sorted(outcomes))


def _lines(api: BatchApi, batch: EndedBatch) -> Iterator[bytes]:
    for file_id in (batch.output_file_id, batch.error_file_id):
        if file_id:
            yield from api.download(file_id)
