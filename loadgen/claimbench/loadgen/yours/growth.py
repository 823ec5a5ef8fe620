"""Growth: what a call needs at several sizes, and whether that grows by more than a budget for one more."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from claimbench.errors import UsageError
from claimbench.loadgen.yours.calling import NOTHING_SEEN, SEEN, called
from claimbench.loadgen.yours.plain import plain
from claimbench.loadgen.yours.watching import METRICS, CallWatch, Seen, SentStatement

WHERE = "assert_growth"
STATEMENTS_TOLD = 5
ENDS = ("COMMIT", "ROLLBACK")
TOO_MUCH = 2
"""So many times the rows for one more of N, at the largest size beside the smallest."""


@dataclass(frozen=True, slots=True)
class At:
    """A call at a size: so many of what `populate` makes were there, the last of which added so many rows."""

    size: int
    seen: Seen
    rows_added: int = 0


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
    returned: Any = None
    with CallWatch().running() as watch:
        for size, total in zip(plan.sizes, plan.counted_sizes, strict=True):
            at = f" at N = {total}"
            if plan.reset is not None:
                await called(plan.reset, "reset", WHERE, at)
            watch.lap()
            await called(partial(plan.populate, size), "populate", WHERE, at)
            populated = watch.lap()
            if watch.connections and not populated.counts.executions:
                raise _sent_nothing(total)
            if not calls:
                returned = await called(plan.run, "run (the warm-up call)", WHERE, at)
                plain(returned)
                watch.lap()
            found = await called(plan.run, "run", WHERE, at)
            if found is returned and isinstance(found, Iterator):
                raise UsageError(
                    "run returned the iterator of before, which is used up",
                    where=WHERE,
                    remedy="make a new one in each call",
                )
            plain(found)
            calls.append(At(total, watch.lap(), populated.rows_added))
    if not watch.connections:
        raise UsageError(NOTHING_SEEN, where=WHERE, remedy=SEEN)
    _check_sizes(plan, calls)
    return tuple(calls)


def _sent_nothing(total: int) -> UsageError:
    return UsageError(
        f"populate sent nothing to the database at N = {total}",
        where=WHERE,
        remedy="let populate(n) add n more in this process and commit them",
    )


def _check_sizes(plan: GrowthPlan, calls: Sequence[At]) -> None:
    """`UsageError` when the counts say nothing of N: `populate` added something else, `run` is not seen."""
    added = [each.rows_added for each in calls]
    told = ", ".join(f"{rows} for n = {size}" for rows, size in zip(added, plan.sizes, strict=True))
    remedy = "let populate(n) add n more of what run lists, and nothing that grows faster"
    if added[0] and len(set(added)) == 1:
        raise UsageError(f"populate adds as many rows whatever n is: {told}", where=WHERE, remedy=remedy)
    if added[0] and added[-1] / plan.sizes[-1] > TOO_MUCH * added[0] / plan.sizes[0]:
        raise UsageError(f"populate adds too much: {told} rows", where=WHERE, remedy=remedy)
    if not any(each.seen.counts.round_trips for each in calls):
        raise UsageError(
            "run sent nothing that was seen, at no size",
            where=WHERE,
            remedy="empty its cache in reset=, and let it talk to Postgres in this process",
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
    if not grown:
        lines += ["  no statement was sent more often; sent were:", *_sent_lines(calls[-1])]
    for sent in grown[:STATEMENTS_TOLD]:
        counts = ", ".join(f"N={each.size}: {_count(each, sent.text)}" for each in calls)
        lines += ["", f"  {counts}  {_cut(sent.text)}"]
        lines += [f"    sent by {sent.place}"] if sent.place else []
        lines += [f"    loads {sent.cause.relationship}"] if sent.cause.relationship else []
        lines.append(f"    likely remedy: {sent.cause.remedy or _usual_remedy(sent)}")
    if len(grown) > STATEMENTS_TOLD:
        lines.append(f"  and {len(grown) - STATEMENTS_TOLD} more statements that grew")
    lines += [
        f"  {sent.unread_rows} rows were fetched and not used: {_cut(sent.text)} ({sent.place})"
        for sent in calls[-1].seen.sent
        if sent.unread_rows
    ]
    return "\n".join(lines)


def grown_statements(calls: Sequence[At]) -> list[SentStatement]:
    """What was sent more often at the largest size than at the smallest, most often first, COMMIT last.

    A BEGIN is told by its COMMIT.
    """
    grown = [each for each in calls[-1].seen.sent if each.count > _count(calls[0], each.text)]
    ends = [each for each in grown if each.text in ENDS]
    return [*(each for each in grown if each not in ends and not (ends and each.text == "BEGIN")), *ends]


def _usual_remedy(sent: SentStatement) -> str:
    if sent.text in ENDS:
        return "one transaction around the loop"
    return "one statement for all of them, or executemany" if sent.writes else "one statement for all of them"


def _sent_lines(call: At) -> list[str]:
    work = [each for each in call.seen.sent if each.text not in (*ENDS, "BEGIN")]
    return [f"    {_cut(each.text)}" + (f" ({each.place})" if each.place else "") for each in work[:3]]


def _count(call: At, text: str) -> int:
    return next((each.count for each in call.seen.sent if each.text == text), 0)


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "…"
