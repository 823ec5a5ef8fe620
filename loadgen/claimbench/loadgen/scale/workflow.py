"""From a scenario and its points to a scale record: part after part, on one bench."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.bench.opening import open_bench
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.probes.machine import environment
from claimbench.loadgen.processes.ending import ignore_interrupts
from claimbench.loadgen.scale.points import GrownSize, check_room
from claimbench.loadgen.scale.studies import (
    ONE_CONNECTION,
    SERIAL,
    ablation,
    indexes,
    round_trip_times,
    where,
)
from claimbench.loadgen.scale.turns import Turns
from claimbench.loadgen.scale.workshop import ScaleWorkshop, TurnAsked
from claimbench.reports.judge.scale import AskedSize, claims_of, points_of, predicted_s, verdict_of
from claimbench.reports.record.scale import Part, ScaleRecord
from claimbench.reports.record.values import Scalar
from claimbench.scenarios.model import Arm, ArmRole, BatchScenario

LIMIT = Arm(
    name="limit",
    pipeline="claimbench.loadgen.scale.limit:LimitPipeline",
    role=ArmRole.REFERENCE,
    indexes="after",
)
WIRE_REQUESTS = OUTSIDE_REQUESTS = LIMIT_REQUESTS = 200_000
"""Up to so many the wire is read, for a trace holds all that went over it; the fake stands outside, whose
answers to more take longer than the arms; and the limit is taken beside smaller sizes."""
WIRE_S = 20.0
"""Nor is it read where the arm took longer than this: then the server counts."""
BLOCKS = 3
BLOCKS_BETWEEN = range(10_000, 120_001)
"""At other numbers of requests a turn is taken once: below, time says little; beyond, it is long."""


@dataclass(frozen=True, slots=True)
class ScaleRequest:
    """What the user asked for; the scenario with its arms settled."""

    scenario: BatchScenario
    points: tuple[GrownSize, ...]
    parts: tuple[Part, ...]
    budget_s: float
    database: str
    command: str

    @property
    def sizes(self) -> tuple[AskedSize, ...]:
        """The points as the record has them."""
        return tuple(AskedSize(point.companies, point.requests) for point in self.points)


def run_scale(request: ScaleRequest, progress: Progress) -> ScaleRecord:
    """Take every turn and say whether all did the same work; Ctrl-C and SIGTERM leave what was measured."""
    for arm in request.scenario.arms:
        find_pipeline(arm.pipeline)
    check_room(request.points, request.scenario.dataset, request.budget_s)
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    facts: dict[str, Scalar] = {}
    work: ScaleWorkshop | None = None
    told_to_end: KeyboardInterrupt | SystemExit | None = None
    try:
        with open_bench(request.scenario, request.database, progress) as bench, Turns() as turns:
            facts = {**environment(), **bench.server.settings(), "server": bench.server.description}
            work = ScaleWorkshop(request.scenario, bench, turns, request.budget_s)
            with work.open():
                for part in request.parts:
                    _PARTS[part](request, work)
    except (KeyboardInterrupt, SystemExit) as told:  # which whoever cleans up says again, up to here
        ignore_interrupts()
        told_to_end = told
    if work is None or (told_to_end and not work.taken):
        raise told_to_end or KeyboardInterrupt
    arms = tuple(arm.name for arm in request.scenario.arms)
    return ScaleRecord(
        claimbench=version("claimbench"),
        started_at=started_at,
        command=request.command,
        scenario=request.scenario.name,
        sha256=request.scenario.sha256,
        environment=facts,
        arms=arms,
        claims=claims_of(request.scenario),
        points=points_of(work.taken, arms, request.sizes),
        turns=tuple(work.taken),
        indexes=tuple(work.indexes),
        failures=tuple(work.failures),
        interrupted=told_to_end is not None,
        verdict=verdict_of(work.taken, work.failures),
    )


def _points(request: ScaleRequest, work: ScaleWorkshop) -> None:
    """Each arm at each size; those that would not fit the budget are left out.

    The fake is outside at one size of each number of requests, up to where its answers would take longer than
    the arms; elsewhere the API costs nothing, and the candidate is taken some times in alternation.
    """
    outside = {point for point in _middles(request.points) if point.requests <= OUTSIDE_REQUESTS}
    for point in request.points:
        for arm in request.scenario.arms:
            expected = predicted_s(work.taken, arm.name, point.requests)
            if expected > request.budget_s:
                told = f"{arm.name} at {point}: about {expected:.0f} s, continued from the smaller sizes"
                work.bench.progress.note(told)
                continue
            taken = work.take(TurnAsked("points", arm, point, fake_outside=point in outside))
            if taken and point.requests <= WIRE_REQUESTS and taken.seconds < WIRE_S:
                work.take(TurnAsked("points", arm, point, instrument="wire"))
    candidate = _candidate(request)
    again = [p for p in request.points if p.requests in BLOCKS_BETWEEN and p not in outside]
    for block in range(1, BLOCKS):
        for point in again if block % 2 else reversed(again):
            work.take(TurnAsked("points", candidate, point, block=block))


def _middles(points: Sequence[GrownSize]) -> Iterator[GrownSize]:
    """Of each number of requests the point whose companies are neither few nor many."""
    for requests in {point.requests for point in points}:
        alike = sorted((p for p in points if p.requests == requests), key=lambda point: point.companies)
        yield alike[(len(alike) - 1) // 2]


def _limit(request: ScaleRequest, work: ScaleWorkshop) -> None:
    """The limit beside the candidate, over an API that costs nothing, in alternation.

    And once over the other numbers of companies that have as many requests: it grows with them, too.
    """
    candidate = _candidate(request)
    points = sorted(_middles(request.points), key=lambda point: point.requests)
    for point in [p for p in points if p.requests <= LIMIT_REQUESTS] or points[:1]:
        for block in range(BLOCKS if point.requests in BLOCKS_BETWEEN else 1):
            asked = [
                TurnAsked("limit", LIMIT, point, block=block),
                TurnAsked("limit", candidate, point, block=block),
            ]
            if candidate.pipeline == "optimized":
                asked.append(TurnAsked("limit", candidate, point, ONE_CONNECTION, SERIAL, block=block))
            for each in asked if block % 2 else reversed(asked):
                work.take(each)
    for point in request.points:
        if point.requests <= LIMIT_REQUESTS and point not in points:
            work.take(TurnAsked("limit", LIMIT, point))


def _candidate(request: ScaleRequest) -> Arm:
    return next(arm for arm in request.scenario.arms if arm.role is ArmRole.CANDIDATE)


_PARTS: Mapping[Part, Callable[[ScaleRequest, ScaleWorkshop], None]] = {
    "points": _points,
    "limit": _limit,
    "ablation": lambda request, work: ablation(_candidate(request), work),
    "round_trip_times": lambda request, work: round_trip_times(request.scenario.arms, work),
    "indexes": lambda request, work: indexes(_candidate(request), work),
    "where": lambda request, work: where(request.scenario.arms, work),
}
