"""Latencies in nanoseconds in an HdrHistogram of three digits: merged exactly, percentiles within 0.05 %.

A bucket is at most 1/1024 of its value wide, and a percentile is told as the middle of its bucket.
"""

import base64
from collections.abc import Iterator

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LONGEST_NS = 3_600_000_000_000
"""Longer ones are recorded as one hour."""

DIGITS = 3
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)


class Latencies:
    """Counts of latencies, which can be encoded, sent, and merged without loss."""

    def __init__(self) -> None:
        self._counts = HdrHistogram(1, LONGEST_NS, DIGITS, b64_wrap=False)

    def record(self, latency_s: float) -> None:
        """Count one; what a coarse clock tells as negative or zero is one nanosecond."""
        self._counts.record_value(min(max(int(latency_s * 1e9), 1), LONGEST_NS))

    def merge(self, blob: bytes) -> None:
        """Add all that an encoded one holds."""
        self._counts.decode_and_add(blob)

    def encode(self) -> bytes:
        """The compressed V2 form of HdrHistogram, which its tools in other languages read."""
        return bytes(self._counts.encode())

    @property
    def count(self) -> int:
        """How many were recorded."""
        return int(self._counts.get_total_count())

    def percentile_ms(self, percentile: float) -> float:
        """The smallest recorded value that so many percent do not exceed (nearest rank), in milliseconds.

        100 is the maximum; 0 when nothing was recorded.
        """
        return self.percentiles_ms((percentile,))[0]

    def percentiles_ms(self, percentiles: tuple[float, ...] = PERCENTILES) -> tuple[float, ...]:
        """Several at once."""
        filled = self._filled()
        if not len(filled):
            return tuple(0.0 for _ in percentiles)
        reached = np.cumsum(self._array()[filled])
        ranks = np.ceil(np.asarray(percentiles) / 100 * reached[-1] - 1e-9).clip(1)
        places = filled[np.searchsorted(reached, ranks)]
        return tuple(self._middle_ms(int(place)) for place in places)

    def mean_ms(self) -> float:
        """The mean, in milliseconds."""
        filled = self._filled()
        counts = self._array()[filled]
        total = sum(
            self._middle_ms(int(place)) * int(count) for place, count in zip(filled, counts, strict=True)
        )
        return total / self.count if self.count else 0.0

    def halves(self) -> tuple["Latencies", "Latencies"]:
        """The lower and the upper half of the filled buckets; merged again they are this one."""
        filled = self._filled()
        low, high = Latencies(), Latencies()
        for position, place in enumerate(filled):
            half = low if position < len(filled) // 2 else high
            value, count = self._counts.get_value_from_index(int(place)), int(self._array()[place])
            half._counts.record_value(value, count)
        return low, high

    def _array(self) -> NDArray[np.int64]:
        return np.frombuffer(self._counts.counts, dtype=np.int64)

    def _filled(self) -> NDArray[np.intp]:
        return np.flatnonzero(self._array())

    def _middle_ms(self, place: int) -> float:
        low = self._counts.get_value_from_index(place)
        return float(low + self._counts.get_highest_equivalent_value(low)) / 2e6


def pieces(latencies: Latencies, bytes_max: int) -> Iterator[bytes]:
    """Blobs of at most so many bytes each, which merge to the whole; one if it fits."""
    blob = latencies.encode()
    if len(blob) <= bytes_max:
        yield blob
        return
    for half in latencies.halves():
        yield from pieces(half, bytes_max)


def from_text(text: str) -> Latencies:
    """Of a record's base64 blob."""
    latencies = Latencies()
    latencies.merge(base64.b64decode(text))
    return latencies


def to_text(latencies: Latencies) -> str:
    """The blob as base64, for a record."""
    return base64.b64encode(latencies.encode()).decode()
