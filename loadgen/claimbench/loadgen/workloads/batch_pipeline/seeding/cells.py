"""Rows in the form of COPY BINARY, thousands at a time: columns of cells, put side by side.

A cell is the length of a value (4 bytes; -1 for NULL) and the value. Cells of one column may differ in
length; they are padded to the longest, and the padding is taken out when the rows are put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from claimbench.loadgen.workloads.batch_pipeline.seeding.draws import Integers

Bytes = npt.NDArray[np.uint8]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"


@dataclass(frozen=True, eq=False)
class Cells:
    """One column, or several that stand together: for each row its padded bytes, and how many of them count.

    lengths: None where all of them do.
    """

    padded: Bytes
    lengths: npt.NDArray[np.uint8] | None = None

    @property
    def widths(self) -> Integers:
        """How many bytes of each row count."""
        count, width = self.padded.shape
        return np.full(count, width) if self.lengths is None else self.lengths.astype(np.int64)


def cell(value: bytes) -> bytes:
    """The cell of a value."""
    return len(value).to_bytes(4, "big") + value


def text_cell(text: str | None) -> bytes:
    """The cell of a text or of NULL."""
    return NULL if text is None else cell(text.encode())


def numbers(values: npt.NDArray[np.int64], width: int) -> Cells:
    """Whole numbers of 4 or 8 bytes."""
    padded = np.empty((len(values), 4 + width), dtype=np.uint8)
    padded[:, :4] = np.frombuffer(width.to_bytes(4, "big"), dtype=np.uint8)
    padded[:, 4:] = values.astype(f">i{width}").view(np.uint8).reshape(-1, width)
    return Cells(padded)


def coded(codes: npt.NDArray[np.integer], cells: Sequence[bytes]) -> Cells:
    """For each row one of a few cells."""
    widest = max(map(len, cells), default=0)
    known = np.frombuffer(b"".join(one.ljust(widest, b"\0") for one in cells), dtype=np.uint8)
    lengths = np.array([len(one) for one in cells], dtype=np.uint8)
    padded = known.reshape(-1, widest)[codes]
    return Cells(padded, None if len(set(map(len, cells))) == 1 else lengths[codes])


def constant(count: int, cells: bytes) -> Cells:
    """The same cells in each row."""
    return Cells(np.broadcast_to(np.frombuffer(cells, dtype=np.uint8), (count, len(cells))))


def rows(columns: int, parts: Sequence[Cells]) -> bytes:
    """Rows of so many columns, whose cells stand in these parts."""
    count = len(parts[0].padded)
    head = constant(count, columns.to_bytes(2, "big"))
    together = np.concatenate([one.padded for one in (head, *parts)], axis=1)
    if all(one.lengths is None for one in parts):
        return together.tobytes()
    counted = np.ones(together.shape, dtype=np.bool_)
    begin = 2
    for one in parts:
        width = one.padded.shape[1]
        if one.lengths is not None:
            counted[:, begin : begin + width] = np.arange(width) < one.lengths[:, None]
        begin += width
    return together[counted].tobytes()
