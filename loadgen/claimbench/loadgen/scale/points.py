"""The sizes of a scale report: how they are written, and whether they fit on this machine."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from claimbench.errors import UsageError
from claimbench.scenarios.model import BatchDataset

_COPIES = 4
"""A template, its clone, the log that the clone is written through, and the files of prompts and results."""
_ROW_BYTES = 1_000
"""A waiting request beside its messages: its row, its session's, what is on their indexes."""
_MESSAGE_BYTES = 90
"""A message beside its text."""
REQUESTS_PER_S = 8_000
"""What the fastest arm works off in a second, at best; it decides what is refused."""


@dataclass(frozen=True, slots=True)
class GrownSize:
    """So many companies, with so many waiting requests each."""

    companies: int
    per_company: int

    @property
    def requests(self) -> int:
        """In all."""
        return self.companies * self.per_company

    def __str__(self) -> str:
        return f"{self.companies}x{self.per_company}"

    def dataset(self, of: BatchDataset) -> BatchDataset:
        """What is seeded: everything as the scenario has it, but all companies are alike."""
        changed = {
            "size": self.companies,
            "requests_per_company": self.per_company,
            "history_per_company": min(of.history_per_company, 10),
            "skew": 0.0,
        }
        return of.model_copy(update=changed)


def read_points(text: str) -> tuple[GrownSize, ...]:
    """`10x1000,100x1000`, in the order of their requests. `UsageError` (exit 2) for anything else."""
    points = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([1-9][0-9]{0,8})\s*[x×]\s*([1-9][0-9]{0,8})\s*", part)
        if found is None:
            raise UsageError(
                f"{part.strip()!r} is no size",
                where="--points",
                remedy="write COMPANIESxREQUESTS of each, such as 10x1000,100x1000",
            )
        points.append(GrownSize(int(found[1]), int(found[2])))
    if len(set(points)) < len(points):
        raise UsageError("a size is there twice", where="--points", remedy="name each once")
    return tuple(sorted(points, key=lambda point: (point.requests, point.companies)))


def disk_bytes(point: GrownSize, dataset: BatchDataset) -> int:
    """What the measurement of a point needs on disk at once, about."""
    messages, characters = dataset.messages_per_session, dataset.characters_per_message
    of_messages = (messages.low + messages.high) / 2
    of_texts = (characters.low + characters.high) / 2 + _MESSAGE_BYTES
    return int(_COPIES * point.requests * (_ROW_BYTES + 0.75 * of_messages * of_texts))


def check_room(points: Sequence[GrownSize], dataset: BatchDataset, budget_s: float) -> None:
    """`UsageError` (exit 2), before anything is seeded, for what cannot be measured here."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    for point in points:
        needed = disk_bytes(point, dataset)
        if needed > free:
            raise UsageError(
                f"{point} needs about {needed / 1e9:,.1f} GB of disk, and {free / 1e9:,.1f} GB are free",
                where="--points",
                remedy="give smaller sizes, or free some disk",
            )
        seconds = point.requests / REQUESTS_PER_S
        if seconds > budget_s:
            raise UsageError(
                f"{point} takes about {seconds:,.0f} s at best, and the budget is {budget_s:,.0f} s",
                where="--points",
                remedy=f"give smaller sizes, or --budget {1.2 * seconds:.0f}",
            )
