"""The document's strategies as a value that the pipeline takes: each can be left out by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Item = TypeVar("Item")


class Fetching(StrEnum):
    """What is fetched of each request that is sent: its finished line, or whole rows beside it."""

    SELECTED = "selected"
    WHOLE_ROWS = "whole_rows"


class CacheUse(StrEnum):
    """Whether the active companies are kept between stages for as long as the policy says."""

    KEPT = "kept"
    ASKED_AGAIN = "asked_again"


class Grouping(StrEnum):
    """How many companies one statement is for: all, or one, as with the document's batch operations off."""

    TOGETHER = "together"
    ONE_BY_ONE = "one_by_one"


class Concurrency(StrEnum):
    """Whether calls of the API, and the next chunk's claim, run beside each other."""

    PARALLEL = "parallel"
    SERIAL = "serial"


class Writing(StrEnum):
    """Whether outcomes and batches are written as sets, or by a statement for each."""

    SETS = "sets"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Strategies:
    """Which of them a pipeline uses; the indexes are the schema's, so they are not here."""

    fetching: Fetching = Fetching.SELECTED
    caching: CacheUse = CacheUse.KEPT
    grouping: Grouping = Grouping.TOGETHER
    concurrency: Concurrency = Concurrency.PARALLEL
    writing: Writing = Writing.SETS


ALL_STRATEGIES = Strategies()


def written_together(items: Sequence[Item], writing: Writing) -> Iterator[Sequence[Item]]:
    """What one statement writes: all of them, or each by itself; nothing for none."""
    if writing is Writing.ROWS:
        yield from ((item,) for item in items)
    elif items:
        yield items
