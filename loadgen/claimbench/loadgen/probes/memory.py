"""The peak of this process's resident memory, without slowing it down."""

import ctypes
import gc
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from claimbench.loadgen.probes.reading import Reading, Unit

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
RESET_PEAK = "5"
"""What `proc(5)` says resets VmHWM to the present resident size."""


@dataclass(frozen=True, slots=True)
class _Resident:
    """Bytes resident now, and at most since the reset."""

    now: int
    peak: int


class MemoryProbe:
    """Peak growth of the resident set since the previous lap.

    Before each lap begins, garbage is collected and freed memory is given back, so that it cannot hide
    growth. Where the peak cannot be reset (outside Linux) it is the peak of the whole process: measure
    in a fresh one.
    """

    def __init__(self) -> None:
        self.resets = _CLEAR_REFS.exists()
        self._start = self._reset()

    def lap(self) -> tuple[Reading, ...]:
        """One reading, `peak_memory` in bytes, and a new beginning."""
        growth = max(0, _resident().peak - self._start)
        self._start = self._reset()
        return (Reading("peak_memory", Unit.BYTES, growth),)

    def _reset(self) -> int:
        gc.collect()
        _give_back()
        if not self.resets:
            return _resident().peak
        with suppress(OSError):
            _CLEAR_REFS.write_text(RESET_PEAK)
        return _resident().now


def _give_back() -> None:
    """Let the C library return freed memory to the system; only glibc has this, and needs it."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)


def _resident() -> _Resident:
    if not _STATUS.exists():
        scale = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
        return _Resident(peak, peak)
    kilobytes = {
        name: int(rest.split()[0])
        for name, _, rest in (line.partition(":") for line in _STATUS.read_text().splitlines())
        if name in {"VmHWM", "VmRSS"}
    }
    return _Resident(kilobytes["VmRSS"] * 1024, kilobytes["VmHWM"] * 1024)
