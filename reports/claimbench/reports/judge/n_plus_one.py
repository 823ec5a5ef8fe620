"""N+1: statements whose number grows with the data, and the line of code that each comes from."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SizedCount:
    """How often a line sent a statement in one run of the workload at this size."""

    size: int
    count: int


@dataclass(frozen=True, slots=True)
class RepeatedStatement:
    """A statement whose number grows with the data, and the line that it comes from.

    file: relative to the repository's root, with forward slashes. counts: at two sizes or more, ascending.
    """

    file: str
    line: int
    function: str
    statement: str
    counts: tuple[SizedCount, ...]


def grows(counts: Sequence[SizedCount]) -> bool:
    """Whether there are more at the largest size than at the smallest, by half of their ratio at least."""
    if len(counts) < 2 or counts[0].count == 0:
        return False
    by_size = counts[-1].size / counts[0].size
    return counts[-1].count / counts[0].count >= 1 + (by_size - 1) / 2 and counts[-1].count > 2
