"""libpq's own trace of one connection, to an unlinked file."""

import ctypes
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from claimbench.loadgen.probes.trace import TraceReader

_ANSWERED = b"\nB\t5\tReadyForQuery"


def unlinked_file() -> int:
    """The descriptor of a file that has no name any more."""
    descriptor, path = tempfile.mkstemp(prefix="claimbench-trace-")
    Path(path).unlink()
    return descriptor


@dataclass(slots=True)
class LibpqTrace:
    """The file that a trace goes to, how far it was read, and what ends the trace."""

    descriptor: int
    reader: TraceReader
    stop: Callable[[], None]
    position: int = 0

    def read(self) -> None:
        """Count what was answered since the last time; another thread may be in the middle of more.

        libpq holds the last replies back until it sends again.
        """
        libc().fflush(None)
        size = os.fstat(self.descriptor).st_size
        if size == self.position:
            return
        with mmap.mmap(self.descriptor, size, access=mmap.ACCESS_READ) as written:
            answered = written.rfind(_ANSWERED, self.position)
            if answered < 0:
                return
            end = written.find(b"\n", answered + 1) + 1
            written.seek(self.position)
            self.reader.feed(_lines(written, end))
        self.position = end

    def close(self) -> None:
        """Read the rest. Trace no more before the number can belong to another file."""
        self.stop()
        self.read()
        os.close(self.descriptor)


def _lines(written: mmap.mmap, end: int) -> Iterator[bytes]:
    while written.tell() < end:
        yield written.readline()


@cache
def libc() -> ctypes.CDLL:
    """The C library of this process."""
    return ctypes.CDLL(None)
