"""Same work: two functions on one database, one after the other, by what they return and what they leave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from claimbench.errors import UsageError
from claimbench.loadgen.yours.calling import WITHIN_S, called
from claimbench.loadgen.yours.plain import plain, told_differences
from claimbench.loadgen.yours.watching import CallWatch, Seen
from claimbench.loadgen.yours.written import Tables, check_unwritten, read_tables, tables_differ

WHERE = "assert_same_work"


@dataclass(frozen=True, slots=True)
class SameWork:
    """What is asked. `reset` brings the database to where both start; due when they write."""

    old: Callable[[], Any]
    new: Callable[[], Any]
    reset: Callable[[], Any] | None
    within_s: float = WITHIN_S


async def differences_of(asked: SameWork) -> list[str]:
    """A sentence for each of the first differences. `UsageError` for what cannot be compared."""
    returned: list[Any] = []
    results: list[Any] = []
    left: list[Tables] = []
    with CallWatch().running() as watch:
        for name, function in (("old", asked.old), ("new", asked.new)):
            if asked.reset is not None:
                await called(asked.reset, "reset", WHERE)
            before = watch.lap()
            found = await called(function, name, f"{WHERE}, {name}")
            if isinstance(found, Iterator) and any(found is each for each in returned):
                raise UsageError(
                    "returned the iterator that old returned, which is used up",
                    where=f"{WHERE}, {name}",
                    remedy="let each call make its own",
                )
            returned.append(found)
            results.append(plain(found, name))
            seen = watch.lap()
            if asked.reset is None:
                check_unwritten(seen, name)
            elif watch.connections:
                _check_committed(before, seen, name)
                left.append(read_tables(watch.conninfo))
    return [*told_differences(*results), *(tables_differ(*left) if left else ())]


def _check_committed(before: Seen, after: Seen, name: str) -> None:
    if after.in_transaction > before.in_transaction and any(each.writes for each in after.sent):
        raise UsageError(
            "left a transaction open, so nobody sees what it wrote",
            where=f"{WHERE}, {name}",
            remedy="let it commit",
        )
