import subprocess
import sys

import pytest

from claimbench.loadgen.probes.memory import MemoryProbe

MEGABYTE = 1 << 20
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process reset its peak")

# A fresh process: the peak of one that runs other tests as well is nobody's in particular.
PROGRAM = """
from claimbench.loadgen.probes.memory import MemoryProbe
probe = MemoryProbe()
{work}
print(int(probe.lap()[0].value))
"""


def peak_of(work: str) -> int:
    program = PROGRAM.format(work=work)
    found = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_memory_that_was_held_for_a_moment_is_seen() -> None:
    peak = peak_of("block = b'x' * (64 << 20); del block")

    assert peak == pytest.approx(64 * MEGABYTE, rel=0.05)


@linux_only
def test_memory_from_before_the_lap_is_not_counted() -> None:
    peak = peak_of("block = b'x' * (64 << 20); del block; probe.lap()")

    assert peak < 4 * MEGABYTE


def test_the_reading_is_in_bytes_and_named_after_the_peak() -> None:
    (reading,) = MemoryProbe().lap()

    assert (reading.metric, reading.unit) == ("peak_memory", "B")
    assert reading.value >= 0
