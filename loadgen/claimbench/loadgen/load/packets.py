"""What a generator process tells the one that merges: packets of at most 8 kB, so that no report is heavy."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum

import msgpack

BYTES_MAX = 8_000
_HEAD_BYTES = 16
_PART_BYTES = 24
"""More than MessagePack needs around a blob: a type, four integers and a length."""


class LatencyKind(IntEnum):
    """Which time a histogram is of: from the intended start, from the real one, or between the two."""

    RESPONSE = 0
    SERVICE = 1
    LAG = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """Latencies of one kind, one operation and one window (by intended start); `blob` is encoded."""

    window: int
    operation: int
    kind: LatencyKind
    blob: bytes


@dataclass(frozen=True, slots=True)
class Mishap:
    """So many arrivals of an operation and a window failed for a reason; `DROPPED` ones were never sent."""

    window: int
    operation: int
    reason: str
    count: int


DROPPED = "dropped"
"""The reason of an arrival that found no free place in flight."""

RESENT, REPLAYED = "resent", "replayed"
"""No failures: sent again as its connection had ended; answered from what an earlier request had stored."""

NO_FAILURES = frozenset({DROPPED, RESENT, REPLAYED})

Part = Cell | Mishap


@dataclass(frozen=True, slots=True)
class Packet:
    """Parts of what one process recorded; packets of all processes can be merged in any order."""

    worker: int
    parts: tuple[Part, ...]

    def encode(self) -> bytes:
        """As MessagePack."""
        parts = [(type(part) is Cell, *astuple(part)) for part in self.parts]
        return bytes(msgpack.packb((self.worker, parts)))


def decode(content: bytes) -> Packet:
    """The packet that `encode` made."""
    worker, parts = msgpack.unpackb(content)
    return Packet(worker, tuple(_part(part) for part in parts))


def _part(values: list[object]) -> Part:
    is_cell, window, operation, kind_or_reason, content = values
    if is_cell:
        return Cell(_int(window), _int(operation), LatencyKind(_int(kind_or_reason)), _bytes(content))
    return Mishap(_int(window), _int(operation), str(kind_or_reason), _int(content))


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a packet holds {value!r} where a whole number must be")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"a packet holds {value!r} where bytes must be")
    return value


def packed(worker: int, parts: Sequence[Part]) -> Iterator[Packet]:
    """As few packets as hold the parts in their order, none larger than `BYTES_MAX` encoded."""
    taken: list[Part] = []
    size = _HEAD_BYTES
    for part in parts:
        weight = _weight(part)
        if taken and size + weight > BYTES_MAX:
            yield Packet(worker, tuple(taken))
            taken, size = [], _HEAD_BYTES
        taken.append(part)
        size += weight
    if taken:
        yield Packet(worker, tuple(taken))


def _weight(part: Part) -> int:
    return _PART_BYTES + len(part.blob if isinstance(part, Cell) else part.reason.encode())


BLOB_BYTES_MAX = BYTES_MAX - _HEAD_BYTES - _PART_BYTES
"""So that a packet can hold at least one."""
