"""Growth: what a call needs at several sizes, and whether that grows by more than a budget for one more."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from claimbench.errors import UsageError
from claimbench.loadgen.yours.plain import plain
from claimbench.loadgen.yours.time_limit import time_limit
from claimbench.loadgen.yours.watching import METRICS, CallWatch, Seen, SentStatement

WHERE = "assert_growth"
STATEMENTS_TOLD = 5


@dataclass(frozen=True, slots=True)
class At:
    """A call at a size: so many of what `populate` makes were there."""

    size: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class GrowthPlan:
    """What is asked: budgets say how much a metric may grow for one more of N."""

    populate: Callable[[int], Any]
    run: Callable[[], Any]
    sizes: tuple[int, ...]
    reset: Callable[[], Any] | None
    budgets: Mapping[str, float]
    within_s: float

    def check(self) -> None:
        """`UsageError` in one line for what cannot be measured."""
        for size in self.sizes:
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise UsageError(
                    f"{size!r} is no size", where=f"{WHERE}(sizes=)", remedy="start at 1 or more"
                )
        if len(self.sizes) < 2 or list(self.sizes) != sorted(set(self.sizes)):
            raise UsageError(
                f"{self.sizes} shows no growth",
                where=f"{WHERE}(sizes=)",
                remedy="give two sizes or more, each larger than the one before, such as (2, 10, 50)",
            )
        unknown = [name for name in self.budgets if name not in METRICS]
        if unknown:
            raise UsageError(
                f"there is no budget {unknown[0]!r}", where=WHERE, remedy=f"known are {', '.join(METRICS)}"
            )

    @property
    def counted_sizes(self) -> tuple[int, ...]:
        """N at each call: sizes add up unless the data is reset before each."""
        if self.reset is not None:
            return self.sizes
        return tuple(sum(self.sizes[: number + 1]) for number in range(len(self.sizes)))


@dataclass(frozen=True, slots=True)
class Excess:
    """A metric that grew by more than its budget."""

    metric: str
    budget: float
    calls: tuple[At, ...]


async def measure(plan: GrowthPlan) -> tuple[At, ...]:
    """Populate, warm up once, and count a call at each size."""
    plan.check()
    calls: list[At] = []
    with ExitStack() as stack:
        stack.enter_context(time_limit(plan.within_s, f"{WHERE}: run or populate", "give within_s="))
        watch = stack.enter_context(CallWatch().running())
        for size, total in zip(plan.sizes, plan.counted_sizes, strict=True):
            if plan.reset is not None:
                await _called(plan.reset, "reset", total)
            watch.lap()
            await _called(partial(plan.populate, size), "populate", total)
            _check_populated(watch, total)
            if not calls:
                await _called(plan.run, "run (the warm-up call)", total)
            watch.lap()
            plain(await _called(plan.run, "run", total))
            calls.append(At(total, watch.lap()))
    if not watch.connections:
        raise UsageError(
            "no connection of psycopg was seen, so nothing was counted",
            where=WHERE,
            remedy="call code of this process that talks over psycopg 3 (asyncpg and psycopg2 are not seen)",
        )
    return tuple(calls)


async def _called(what: Callable[[], Any], name: str, total: int) -> Any:
    try:
        found = what()
        return await found if isinstance(found, Awaitable) else found
    except UsageError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UsageError(
            f"{name} failed at N = {total}: {said[:300]}",
            where=WHERE,
            remedy="call it by itself to see where",
        ) from error


def _check_populated(watch: CallWatch, total: int) -> None:
    if not watch.lap().counts.executions and watch.connections:
        raise UsageError(
            f"populate sent nothing to the database at N = {total}",
            where=WHERE,
            remedy="let populate(n) add n more in this process and commit them",
        )


def excesses(calls: Sequence[At], budgets: Mapping[str, float]) -> tuple[Excess, ...]:
    """Every metric that grew by more than its budget for one more, from the smallest size on."""
    first = calls[0]
    return tuple(
        Excess(metric, budget, tuple(calls))
        for metric, budget in budgets.items()
        if any(
            each.seen.counts.of(metric) - first.seen.counts.of(metric) > budget * (each.size - first.size)
            for each in calls[1:]
        )
    )


def told(found: Sequence[Excess], *, sizes_add_up: bool) -> str:
    """N beside each count, then the statements that grew, with their lines and remedies."""
    calls = found[0].calls
    lines = []
    for excess in found:
        pairs = ", ".join(f"N={each.size}: {each.seen.counts.of(excess.metric)}" for each in calls)
        lines.append(f"{excess.metric} grow with N (allowed for one more: {excess.budget:g}): {pairs}")
    if sizes_add_up:
        lines.append("  (populate adds to what is there, so sizes add up; give reset= to start anew at each)")
    grown = grown_statements(calls)
    for sent in grown[:STATEMENTS_TOLD]:
        counts = ", ".join(f"N={each.size}: {_count(each, sent.text)}" for each in calls)
        lines += ["", f"  {counts}  {_cut(sent.text)}"]
        lines += [f"    sent by {sent.place}"] if sent.place else []
        lines += [f"    loads {sent.cause.relationship}"] if sent.cause.relationship else []
        lines.append(f"    likely remedy: {sent.cause.remedy or 'one statement for all of them'}")
    if len(grown) > STATEMENTS_TOLD:
        lines.append(f"  and {len(grown) - STATEMENTS_TOLD} more statements that grew")
    lines += [
        f"  {sent.unread_rows} rows were fetched and not used: {_cut(sent.text)} ({sent.place})"
        for sent in calls[-1].seen.sent
        if sent.unread_rows
    ]
    return "\n".join(lines)


def grown_statements(calls: Sequence[At]) -> list[SentStatement]:
    """What was sent more often at the largest size than at the smallest, most often first."""
    return [each for each in calls[-1].seen.sent if each.count > _count(calls[0], each.text)]


def _count(call: At, text: str) -> int:
    return next((each.count for each in call.seen.sent if each.text == text), 0)


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "…"


def without_waiting(growing: Any) -> Any:
    """Drive what waits for nothing to its end; `UsageError` when something is async after all."""
    try:
        growing.send(None)
    except StopIteration as done:
        return done.value
    growing.close()
    raise UsageError(
        "run or populate is async",
        where=WHERE,
        remedy="await claimbench.assert_growth_async(…) in an async test",
    )
