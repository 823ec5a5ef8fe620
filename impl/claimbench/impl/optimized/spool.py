"""A file for what would be too much for memory, written by several threads and read in pieces."""

import threading
from os import SEEK_END
from tempfile import TemporaryFile
from typing import NamedTuple


class Extent(NamedTuple):
    """Where something lies in the file, in bytes."""

    start: int
    length: int


class Spool:
    """Its file is gone when it is closed."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 (closed with it)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing can be read any more."""
        self._file.close()

    def clear(self) -> None:
        """Forget all that was added."""
        with self._lock:
            self._file.seek(0)
            self._file.truncate()

    def add(self, content: bytes) -> Extent:
        """Keep it."""
        with self._lock:
            start = self._file.seek(0, SEEK_END)
            self._file.write(content)
        return Extent(start, len(content))

    def read(self, piece: Extent) -> bytes:
        """What was kept there."""
        with self._lock:
            self._file.seek(piece.start)
            return self._file.read(piece.length)
