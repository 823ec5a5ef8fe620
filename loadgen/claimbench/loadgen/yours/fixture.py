"""What the fixture `claimbench` offers to a test."""

from collections.abc import Awaitable, Callable
from typing import Any

from claimbench.loadgen.yours.calling import WITHIN_S, awaited, driven
from claimbench.loadgen.yours.growth import (
    At,
    Excess,
    GrowthPlan,
    excesses,
    grown_statements,
    measure,
    told,
)
from claimbench.loadgen.yours.same_work import SameWork, differences_of

DEFAULT_SIZES = (2, 10, 50)


class GrowthError(AssertionError):
    """The number of something grows with N."""

    __module__ = "claimbench"  # pytest prints it before the text


class DifferentWorkError(AssertionError):
    """The new code does other work than the old."""

    __module__ = "claimbench"


class Yours:
    """Assertions about what code sends to Postgres; all that this process sends by psycopg is counted."""

    def __init__(self, refuse: Callable[[tuple[str, ...]], list[str] | None]) -> None:
        self._refuse = refuse

    def assert_growth(
        self,
        *,
        populate: Callable[[int], Any],
        run: Callable[[], Any],
        sizes: tuple[int, ...] = DEFAULT_SIZES,
        reset: Callable[[], Any] | None = None,
        within_s: float = WITHIN_S,
        **budgets: float,
    ) -> None:
        """Fail when a call of `run` needs more at a larger size than the budget for one more of N allows.

        populate: `populate(n)` adds n more, so sizes add up, unless `reset` empties the database before each.
        budgets: round_trips (0 if none is given), statements, executions, rows, row_bytes, commits.
        """
        __tracebackhide__ = True
        plan = GrowthPlan(populate, run, tuple(sizes), reset, budgets or {"round_trips": 0}, within_s)
        self._judge(plan, driven(measure(plan), "run or populate", "assert_growth", within_s))

    async def assert_growth_async(
        self,
        *,
        populate: Callable[[int], Any],
        run: Callable[[], Awaitable[Any]],
        sizes: tuple[int, ...] = DEFAULT_SIZES,
        reset: Callable[[], Any] | None = None,
        within_s: float = WITHIN_S,
        **budgets: float,
    ) -> None:
        """As `assert_growth`, for functions that are awaited."""
        __tracebackhide__ = True
        plan = GrowthPlan(populate, run, tuple(sizes), reset, budgets or {"round_trips": 0}, within_s)
        self._judge(plan, await awaited(measure(plan), "assert_growth_async", within_s))

    def assert_same_work(
        self,
        old: Callable[[], Any],
        new: Callable[[], Any],
        *,
        reset: Callable[[], Any] | None = None,
        within_s: float = WITHIN_S,
    ) -> None:
        """Fail when the two return different values, or, with `reset`, leave different rows.

        reset: brings the database to where both start; due when they write. The order of a list counts.
        """
        __tracebackhide__ = True
        asked = SameWork(old, new, reset, within_s)
        _tell(driven(differences_of(asked), "old or new", "assert_same_work", within_s))

    async def assert_same_work_async(
        self,
        old: Callable[[], Any],
        new: Callable[[], Any],
        *,
        reset: Callable[[], Any] | None = None,
        within_s: float = WITHIN_S,
    ) -> None:
        """As `assert_same_work`, for functions that are awaited."""
        __tracebackhide__ = True
        asked = SameWork(old, new, reset, within_s)
        _tell(await awaited(differences_of(asked), "assert_same_work_async", within_s))

    def _judge(self, plan: GrowthPlan, calls: tuple[At, ...]) -> None:
        __tracebackhide__ = True
        found = excesses(calls, plan.budgets)
        refused = self._refuse(finding_keys(found)) if found else None
        if refused is not None:
            raise GrowthError("\n".join([told(found, sizes_add_up=plan.reset is None), *refused]))


def finding_keys(found: tuple[Excess, ...]) -> tuple[str, ...]:
    """Each statement that grew, as a baseline names it; the metrics, where none did."""
    grown = grown_statements(found[0].calls)
    return tuple(sorted({each.text for each in grown})) or tuple(each.metric for each in found)


def _tell(differences: list[str]) -> None:
    __tracebackhide__ = True
    if differences:
        raise DifferentWorkError("the new code does other work than the old:\n  " + "\n  ".join(differences))
