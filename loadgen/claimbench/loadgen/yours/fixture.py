"""What the fixture `claimbench` offers to a test."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from claimbench.errors import UsageError
from claimbench.loadgen.yours.growth import (
    At,
    Excess,
    GrowthPlan,
    excesses,
    grown_statements,
    measure,
    told,
    without_waiting,
)
from claimbench.loadgen.yours.plain import plain, told_differences
from claimbench.loadgen.yours.watching import CallWatch
from claimbench.loadgen.yours.written import check_unwritten, read_tables, tables_differ

DEFAULT_SIZES = (2, 10, 50)


class GrowthError(AssertionError):
    """The number of something grows with N."""


class DifferentWorkError(AssertionError):
    """The new code does other work than the old."""


class Yours:
    """Assertions about what code sends to Postgres; all that this process sends by psycopg is counted."""

    def __init__(self, accepts: Callable[[tuple[str, ...]], bool]) -> None:
        self._accepts = accepts

    def assert_growth(
        self,
        *,
        populate: Callable[[int], Any],
        run: Callable[[], Any],
        sizes: tuple[int, ...] = DEFAULT_SIZES,
        reset: Callable[[], Any] | None = None,
        within_s: float = 60,
        **budgets: float,
    ) -> None:
        """Fail when a call of `run` needs more at a larger size than the budget for one more of N allows.

        populate: `populate(n)` adds n more, so sizes add up, unless `reset` empties the database before each.
        budgets: round_trips (0 if none is given), statements, executions, rows, row_bytes, commits.
        """
        __tracebackhide__ = True
        plan = GrowthPlan(populate, run, tuple(sizes), reset, budgets or {"round_trips": 0}, within_s)
        self._judge(plan, without_waiting(measure(plan)))

    async def assert_growth_async(
        self,
        *,
        populate: Callable[[int], Any],
        run: Callable[[], Awaitable[Any]],
        sizes: tuple[int, ...] = DEFAULT_SIZES,
        reset: Callable[[], Any] | None = None,
        within_s: float = 60,
        **budgets: float,
    ) -> None:
        """As `assert_growth`, for functions that are awaited."""
        __tracebackhide__ = True
        plan = GrowthPlan(populate, run, tuple(sizes), reset, budgets or {"round_trips": 0}, within_s)
        self._judge(plan, await measure(plan))

    def assert_same_work(
        self, old: Callable[[], Any], new: Callable[[], Any], *, reset: Callable[[], Any] | None = None
    ) -> None:
        """Fail when the two return different values, or, with `reset`, leave different rows.

        reset: brings the database to where both start; due when they write. The order of a list counts.
        """
        __tracebackhide__ = True
        results, left = [], []
        with CallWatch().running() as watch:
            for name, function in (("old", old), ("new", new)):
                if reset is not None:
                    reset()
                watch.lap()
                result = plain(_result(function, name), name)
                if reset is None:
                    check_unwritten(watch.lap(), name)
                else:
                    left.append(read_tables(watch.conninfo))
                results.append(result)
        found = [*told_differences(*results), *(tables_differ(*left) if left else ())]
        if found:
            raise DifferentWorkError("the new code does other work than the old:\n  " + "\n  ".join(found))

    def _judge(self, plan: GrowthPlan, calls: tuple[At, ...]) -> None:
        __tracebackhide__ = True
        found = excesses(calls, plan.budgets)
        if found and not self._accepts(finding_keys(found)):
            raise GrowthError(told(found, sizes_add_up=plan.reset is None))


def finding_keys(found: tuple[Excess, ...]) -> tuple[str, ...]:
    """Each statement that grew, as a baseline names it; the metrics, where none did."""
    grown = grown_statements(found[0].calls)
    return tuple(sorted({each.text for each in grown})) or tuple(each.metric for each in found)


def _result(function: Callable[[], Any], name: str) -> Any:
    try:
        found = function()
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UsageError(
            f"failed: {said[:300]}", where=f"assert_same_work, {name}", remedy="call it alone"
        ) from error
    if isinstance(found, Awaitable):
        if hasattr(found, "close"):
            found.close()
        raise UsageError(
            "is async", where=f"assert_same_work, {name}", remedy="wrap it: lambda: asyncio.run(function())"
        )
    return found


def over_budget(counts: Mapping[str, int], budgets: Mapping[str, float]) -> list[str]:
    """A sentence for each metric above its budget."""
    return [
        f"{counts[name]} {name.replace('_', ' ')}, at most {most:g} allowed"
        for name, most in budgets.items()
        if counts[name] > most
    ]
