"""The two ends of a load run's books: a process writes its account, the merging one adds accounts up."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from claimbench.loadgen.load.histogram import Latencies, pieces, to_text
from claimbench.loadgen.load.packets import (
    BLOB_BYTES_MAX,
    DROPPED,
    NO_FAILURES,
    REPLAYED,
    RESENT,
    Cell,
    LatencyKind,
    Mishap,
    Packet,
    packed,
)
from claimbench.reports.record.load import FailureRecord, Latency, OperationRecord, SeriesPoint

REASON_LENGTH_MAX = 80
_SPECTRUM = tuple(
    sorted(
        {
            *(float(p) for p in range(0, 100, 2)),
            *(100 - 10.0**-e * m for e in range(-1, 4) for m in (1, 2, 5)),
        }
    )
)


@dataclass(frozen=True, slots=True)
class Finished:
    """One request that was sent: times in seconds since the start of the schedule."""

    operation: int
    due_s: float
    sent_s: float
    ended_s: float
    reason: str = ""
    """Why it failed; empty if it did not."""
    notes: tuple[str, ...] = ()
    """What else is counted about it: `RESENT`, `REPLAYED`."""


class _CellKey(NamedTuple):
    """Where a latency is counted."""

    window: int
    operation: int
    kind: LatencyKind


class _MishapKey(NamedTuple):
    """Where a mishap is counted."""

    window: int
    operation: int
    reason: str


class Recorder:
    """What one process sees; `packets` hands over what came since the last time."""

    def __init__(self, worker: int, window_s: float) -> None:
        self._worker, self._window_s = worker, window_s
        self._cells: defaultdict[_CellKey, Latencies] = defaultdict(Latencies)
        self._mishaps: Counter[_MishapKey] = Counter()

    def finish(self, request: Finished) -> None:
        """Count a request that was answered, or failed."""
        window = self._window(request.due_s)
        for kind, latency_s in (
            (LatencyKind.RESPONSE, request.ended_s - request.due_s),
            (LatencyKind.SERVICE, request.ended_s - request.sent_s),
            (LatencyKind.LAG, request.sent_s - request.due_s),
        ):
            self._cells[_CellKey(window, request.operation, kind)].record(latency_s)
        for reason in (request.reason, *request.notes):
            if reason:
                self._mishaps[_MishapKey(window, request.operation, reason[:REASON_LENGTH_MAX])] += 1

    def drop(self, operation: int, due_s: float) -> None:
        """Count an arrival that could not be sent."""
        self._mishaps[_MishapKey(self._window(due_s), operation, DROPPED)] += 1

    def packets(self) -> tuple[Packet, ...]:
        """All since the last time; the account is empty afterwards."""
        cells = [
            Cell(*place, blob)
            for place, latencies in self._cells.items()
            for blob in pieces(latencies, BLOB_BYTES_MAX)
        ]
        mishaps = [Mishap(*cause, count) for cause, count in self._mishaps.items()]
        self._cells.clear()
        self._mishaps.clear()
        return tuple(packed(self._worker, [*cells, *mishaps]))

    def _window(self, due_s: float) -> int:
        return int(due_s / self._window_s)


class Totals:
    """The sum of all accounts; the order in which packets come changes nothing."""

    def __init__(self, operations: Sequence[str], window_s: float) -> None:
        self._operations, self._window_s = tuple(operations), window_s
        # Encoded until they are asked for: a histogram in memory is a hundred times its blob.
        self._cells: list[Cell] = []
        self._mishaps: list[Mishap] = []

    def add(self, packet: Packet) -> None:
        """Take up a packet of any process."""
        for part in packet.parts:
            if isinstance(part, Cell):
                self._cells.append(part)
            else:
                self._mishaps.append(part)

    def total(self) -> OperationRecord:
        """All operations together, under the name `all`."""
        return self._record("all", self._cells, self._mishaps)

    def operations(self) -> tuple[OperationRecord, ...]:
        """Each operation, in the order of the plan."""
        return tuple(
            self._record(
                name,
                [cell for cell in self._cells if cell.operation == position],
                [mishap for mishap in self._mishaps if mishap.operation == position],
            )
            for position, name in enumerate(self._operations)
        )

    def series(self) -> tuple[SeriesPoint, ...]:
        """Each window in which an arrival was due, in order."""
        cells, mishaps = defaultdict(list), defaultdict(list)
        for cell in self._cells:
            cells[cell.window].append(cell)
        for mishap in self._mishaps:
            mishaps[mishap.window].append(mishap)
        return tuple(self._point(each, cells[each], mishaps[each]) for each in sorted({*cells, *mishaps}))

    def failures(self) -> tuple[FailureRecord, ...]:
        """What failed and why, the most frequent first."""
        counts: Counter[tuple[int, str]] = Counter()
        for mishap in self._mishaps:
            if mishap.reason not in NO_FAILURES:
                counts[mishap.operation, mishap.reason] += mishap.count
        return tuple(
            FailureRecord(operation=self._operations[operation], reason=reason, count=count)
            for (operation, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        )

    def _record(self, name: str, cells: Sequence[Cell], mishaps: Sequence[Mishap]) -> OperationRecord:
        response = _merged(cells, LatencyKind.RESPONSE)
        dropped = _count(mishaps, DROPPED)
        return OperationRecord(
            name=name,
            arrivals=response.count + dropped,
            completed=response.count,
            failed=_failed(mishaps),
            dropped=dropped,
            resent=_count(mishaps, RESENT),
            replayed=_count(mishaps, REPLAYED),
            response=latency(response),
            service=latency(_merged(cells, LatencyKind.SERVICE)),
            lag=latency(_merged(cells, LatencyKind.LAG)),
        )

    def _point(self, window: int, cells: Sequence[Cell], mishaps: Sequence[Mishap]) -> SeriesPoint:
        response = _merged(cells, LatencyKind.RESPONSE)
        dropped = _count(mishaps, DROPPED)
        p50, p95 = response.percentiles_ms((50.0, 95.0))
        return SeriesPoint(
            at_s=window * self._window_s,
            arrivals=response.count + dropped,
            failed=_failed(mishaps),
            dropped=dropped,
            response_p50_ms=p50,
            response_p95_ms=p95,
            lag_p95_ms=_merged(cells, LatencyKind.LAG).percentile_ms(95),
        )


def latency(latencies: Latencies) -> Latency:
    """The record of a distribution."""
    p50, p90, p95, p99, p99_9, maximum = latencies.percentiles_ms()
    return Latency(
        count=latencies.count,
        mean_ms=latencies.mean_ms(),
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        p99_9_ms=p99_9,
        max_ms=maximum,
        histogram=to_text(latencies),
        spectrum=tuple(zip(_SPECTRUM, latencies.percentiles_ms(_SPECTRUM), strict=True)),
    )


def _merged(cells: Iterable[Cell], kind: LatencyKind) -> Latencies:
    merged = Latencies()
    for cell in cells:
        if cell.kind is kind:
            merged.merge(cell.blob)
    return merged


def _count(mishaps: Iterable[Mishap], reason: str) -> int:
    return sum(mishap.count for mishap in mishaps if mishap.reason == reason)


def _failed(mishaps: Iterable[Mishap]) -> int:
    return sum(mishap.count for mishap in mishaps if mishap.reason not in NO_FAILURES)
