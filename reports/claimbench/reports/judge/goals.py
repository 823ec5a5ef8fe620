"""What was aimed at, beside what was measured: each goal of docs/limit.md as a line with its ratio."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import ConfigDict, ValidationError

from claimbench.errors import UsageError
from claimbench.reports.judge.scale import LIMIT, efficiencies
from claimbench.reports.record.scale import ScaleRecord, Turned
from claimbench.reports.wording import value_text
from claimbench.scenarios.grammar import Frozen
from claimbench.scenarios.metrics import RUN

TEN_THOUSAND, HUNDRED_THOUSAND, MILLION = 10_000, 100_000, 1_000_000
OF_TWO, OF_ONE = 0.90, 0.70
"""Of the limit, by wall time, with two connections and with one."""
FLAT_RATE = 0.80
MEMORY_BYTES = 32 * 2**20
FLAT_MEMORY = 1.2
FIXED_TRIPS = 40
TIME_APART = 0.25


@dataclass(frozen=True, slots=True)
class Goal:
    """One line: what was measured in words, what was aimed at, and how far the first is of the second.

    ratio: above 1 is better than the goal; None where nothing was measured.
    """

    name: str
    measured: str
    goal: str
    ratio: float | None

    @property
    def reached(self) -> bool | None:
        """Whether it is; None where nothing was measured."""
        return None if self.ratio is None else self.ratio >= 1


def goals(record: ScaleRecord) -> tuple[Goal, ...]:
    """Every goal that a scale report can measure."""
    return tuple(goal for found in _GOALS for goal in found(record))


def _of_the_limit(record: ScaleRecord) -> Iterator[Goal]:
    runs = [each for each in efficiencies(record) if each.step == RUN and each.requests == HUNDRED_THOUSAND]
    wanted = {
        "two connections": (OF_TWO, [each for each in runs if each.arm == record.arms[-1]]),
        "one connection": (OF_ONE, [each for each in runs if "one connection" in each.arm]),
    }
    for name, (share, found) in wanted.items():
        told = "not measured"
        if found:
            by_cpu = "" if found[0].by_cpu is None else f", {found[0].by_cpu:.2f} by CPU"
            told = f"{found[0].by_wall:.2f} by wall time{by_cpu}"
        yield Goal(
            f"100,000 requests, API taken out, {name}",
            told,
            f"≥ {share:.2f} of the limit by wall time",
            found[0].by_wall / share if found else None,
        )


def _rate(record: ScaleRecord) -> Iterator[Goal]:
    def rate(requests: int) -> float | None:
        seconds = [turn.seconds for turn in _of_a_hundred(record, requests)]
        return requests / median(seconds) if seconds else None

    small, large = rate(HUNDRED_THOUSAND), rate(MILLION)
    share = large / small if small and large else None
    told = "not measured" if share is None else f"{large:,.0f} / {small:,.0f} = {share:.2f}"
    yield Goal(
        "requests/s at 1,000,000 beside 100,000, API taken out",
        told,
        f"≥ {FLAT_RATE:.2f}",
        None if share is None else share / FLAT_RATE,
    )


def _free(record: ScaleRecord) -> Iterator[Turned]:
    """Turns of the candidate as it is, over the API that costs nothing, with no probe on."""
    for turn in record.turns:
        kind = (turn.arm, turn.variant, turn.service)
        is_plain = turn.part in ("points", "limit") and turn.total("round_trips") is None
        if is_plain and kind == (record.arms[-1], "", "none"):
            yield turn


def _of_a_hundred(record: ScaleRecord, requests: int) -> Sequence[Turned]:
    """Turns over the API that costs nothing, of a hundred companies, or of as many as there are below."""
    turns = [turn for turn in _free(record) if turn.requests == requests]
    size = max((turn.size for turn in turns if turn.size <= 100), default=0)
    return [turn for turn in turns if turn.size == size]


def _memory(record: ScaleRecord) -> Iterator[Goal]:
    points = [point for point in record.points if point.arm == record.arms[-1] and not point.extrapolated]
    largest = max(points, key=lambda point: point.peak_memory_bytes, default=None)
    yield Goal(
        "memory above start at any size",
        "not measured"
        if largest is None
        else f"{value_text(largest.peak_memory_bytes, 'B')} at {largest.size:,} × "
        f"{largest.requests // largest.size:,}, the most of {len(points)} sizes",
        f"≤ {value_text(MEMORY_BYTES, 'B')}",
        None if largest is None else MEMORY_BYTES / largest.peak_memory_bytes,
    )
    small, large = (
        median(turn.peak_memory_bytes for turn in turns) if turns else None
        for turns in (_of_a_hundred(record, requests) for requests in (TEN_THOUSAND, MILLION))
    )
    told = "not measured"
    if small and large:
        told = f"{value_text(large, 'B')} / {value_text(small, 'B')} = {large / small:.2f}"
    yield Goal(
        "memory at 1,000,000 beside 10,000, API taken out",
        told,
        f"≤ {FLAT_MEMORY:g} ×",
        FLAT_MEMORY * small / large if small and large else None,
    )


def _companies(record: ScaleRecord) -> Iterator[Goal]:
    points = [
        point
        for point in record.points
        if (point.arm, point.requests) == (record.arms[-1], HUNDRED_THOUSAND) and not point.extrapolated
    ]
    points.sort(key=lambda point: point.size)
    turns = [turn for turn in _free(record) if turn.requests == HUNDRED_THOUSAND]
    seconds = {
        size: median(turn.seconds for turn in turns if turn.size == size)
        for size in {turn.size for turn in turns}
    }
    told = ratio = None
    if len(points) > 1:
        trips = [point.round_trips for point in points]
        told = "; ".join(f"{point.size:,}: {point.round_trips:,}" for point in points)
        ratio = (FIXED_TRIPS + trips[0]) / max(trips)
    yield Goal(
        "round trips of 100,000 requests in 10 to 10,000 companies",
        told or "not measured",
        f"≤ {FIXED_TRIPS} and one constant per 10,000 requests: that of the fewest companies",
        ratio,
    )
    told = ratio = None
    if len(seconds) > 1:
        middle = median(seconds.values())
        apart = max(abs(value / middle - 1) for value in seconds.values())
        told = "; ".join(f"{size:,}: {value_text(seconds[size], 's')}" for size in sorted(seconds))
        ratio = TIME_APART / apart if apart else None
    yield Goal(
        "time of 100,000 requests in 10 to 10,000 companies, API taken out",
        told or "not measured",
        f"within ± {TIME_APART:.0%} of their median",
        ratio,
    )


def in_the_way(record: ScaleRecord) -> tuple[str, ...]:
    """A profile for who asks why a goal is missed: sentences, none where nothing was measured."""
    runs = [each for each in efficiencies(record) if each.requests == HUNDRED_THOUSAND]
    told = []
    for arm in dict.fromkeys(each.arm for each in runs):
        steps = [each for each in runs if each.arm == arm and each.step != RUN]
        steps.sort(key=lambda each: -each.seconds)
        whole = sum(each.seconds for each in steps)
        shares = [
            f"{each.step.replace('_', ' ')} {each.seconds / whole:.0%} of the time at {each.by_wall:.2f}"
            for each in steps
        ]
        told.append(f"At 100,000 requests {arm} spends {' of the limit, '.join(shares)} of the limit.")
    told += _limit_itself(record)
    watched = [turn for turn in record.turns if turn.part == "where" and turn.arm == record.arms[-1]]
    for turn in watched:
        longest = [
            f"{value_text(each.seconds, 's')} in {each.calls:,} calls, {value_text(each.wal_bytes, 'B')} of "
            f"log: {each.text[:60]}"
            for each in turn.statements[:3]
        ]
        told.append(f"The server's longest work at {turn.requests:,} requests: {'; '.join(longest)}.")
    own = [each for each in record.points if each.arm == record.arms[-1] and not each.extrapolated]
    if any(each.size >= MANY_COMPANIES for each in own):
        told.append(
            f"With {MANY_COMPANIES:,} companies almost each has failed requests, and those that wait lie in "
            "batches of a few: retries, each a call of its own, and batches, each some writes, grow with the "
            "companies, not with the requests."
        )
    return tuple(told)


def _limit_itself(record: ScaleRecord) -> Iterator[str]:
    """How the least that the work can take grows with the companies."""
    turns = [turn for turn in record.turns if (turn.arm, turn.requests) == (LIMIT, HUNDRED_THOUSAND)]
    seconds = {
        size: median(turn.seconds for turn in turns if turn.size == size)
        for size in sorted({turn.size for turn in turns})
    }
    if len(seconds) > 1:
        each = "; ".join(f"{size:,}: {value_text(took, 's')}" for size, took in seconds.items())
        yield (
            f"The limit itself takes longer for the same requests of more companies ({each}): each has "
            "batches of its own, and each batch a file, a row and a call."
        )


MANY_COMPANIES = 10_000
"""With so many, batches hold a few requests each."""

_GOALS: Sequence[Callable[[ScaleRecord], Iterator[Goal]]] = (_of_the_limit, _rate, _memory, _companies)


class PeerFigure(Frozen):
    """One number of one program, ours or another's, in a group of like ones."""

    group: str
    name: str
    value: float
    unit: str


class PeersFile(Frozen):
    """As much of `docs/peers.json` as is read here; `nox -s peers` writes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    figures: tuple[PeerFigure, ...]


def read_peers(path: Path) -> tuple[PeerFigure, ...]:
    """The figures of a file of peers. `UsageError` (exit 2) if it is none."""
    try:
        return PeersFile.model_validate_json(path.read_bytes()).figures
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"cannot be read ({reason})", where=str(path), remedy="run nox -s peers") from None


OURS = "claimbench"
"""How the name of a figure of ours begins."""
_AHEAD = {
    "claim and complete": ("claim and complete, rows/s", "ahead of every peer", True),
    "counting probe": ("counting probe per statement", "cheaper than each peer that counts", False),
}
"""Groups that are goals: the goal's name and words, and whether more is better."""


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def peer_goals(figures: Sequence[PeerFigure]) -> tuple[Goal, ...]:
    """A line for each goal about others: the ratio is ours beside the best of them."""
    told = []
    for group, (name, goal, is_more_better) in _AHEAD.items():
        found = [each for each in figures if each.group == group]
        ours = [each for each in found if each.name.startswith(OURS)]
        others = [each for each in found if not each.name.startswith(OURS)]
        if not ours or not others:
            told.append(Goal(name, "not measured", goal, None))
            continue
        better = max if is_more_better else min
        own, best = (better(those, key=lambda each: each.value) for those in (ours, others))
        beside = f"beside {_figure(best.value)} of the best of {len(others)} others, {best.name}"
        measured = f"{_figure(own.value)} {own.unit}, {beside}"
        told.append(
            Goal(name, measured, goal, own.value / best.value if is_more_better else best.value / own.value)
        )
    return tuple(told)
