"""A history: a dataset, faults of the API, breaks, and the turns of several schedulers, all from a seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from random import Random

from claimbench.impl.ports import Policy, Stage
from claimbench.loadgen.fake_openai.faults import Fault, FaultKind, FaultScope, scope
from claimbench.loadgen.verify.datasets import (
    HistoryDataset,
    draw_dataset,
    with_crowd,
    with_large_company,
    with_long_sessions,
    without,
)


class BreakPlace(StrEnum):
    """Where a scheduler can break: at a call of the API or at a commit (of a statement by itself, too)."""

    CALL = "call"
    COMMIT = "commit"


class Moment(StrEnum):
    """Before the call or commit has its effect, or after it."""

    BEFORE = "before"
    AFTER = "after"


class Harm(StrEnum):
    """The scheduler is killed, or its connection to the database is cut."""

    KILL = "kill"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Break:
    """What happens at the n-th call or commit of the whole history, from 1."""

    place: BreakPlace
    number: int
    moment: Moment
    harm: Harm

    def __str__(self) -> str:
        return f"{self.harm} {self.moment} {self.place} {self.number}"


@dataclass(frozen=True, slots=True)
class SchedulerTurn:
    """A scheduler takes one stage, some time after the last turn; its clock may be wrong by some minutes."""

    scheduler: int
    stage: Stage
    wait_minutes: int
    clock_error_minutes: int = 0

    def __str__(self) -> str:
        error = f" clock {self.clock_error_minutes:+d} min" if self.clock_error_minutes else ""
        return f"+{self.wait_minutes} min {self.scheduler}.{self.stage}{error}"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A company is suspended before this turn, and opened again before that one; None: it stays closed.

    A turn that comes after the last one stands for the end. One that is not active is opened by the second.
    """

    company: int
    before_turn: int
    until_turn: int | None

    def __str__(self) -> str:
        end = "closed" if self.until_turn is None else f"suspended until turn {self.until_turn + 1}"
        return f"company {self.company} is {end} from turn {self.before_turn + 1} on"


class TurnOrder(StrEnum):
    """How the turns follow: one after the other, or those between which no time passes all at once."""

    ONE_BY_ONE = "one by one"
    INTERLEAVED = "interleaved"


class CallStyle(StrEnum):
    """How the scheduler calls the API: as it is, or with retries and breakers, whose waits take no time."""

    PLAIN = "plain"
    RESILIENT = "resilient"


@dataclass(frozen=True, slots=True)
class History:
    """All that happens. `str` shows it whole; the same seed gives the same one."""

    seed: int
    dataset: HistoryDataset
    policy: Policy
    api: CallStyle
    faults: tuple[Fault, ...]
    breaks: tuple[Break, ...]
    turns: tuple[SchedulerTurn, ...]
    suspensions: tuple[Suspension, ...] = ()
    order: TurnOrder = TurnOrder.ONE_BY_ONE

    @property
    def rounds(self) -> tuple[tuple[SchedulerTurn, ...], ...]:
        """The turns that are taken at once, in order; where all go one by one, each is alone."""
        rounds: list[tuple[SchedulerTurn, ...]] = []
        for turn in self.turns:
            beside = (
                rounds[-1] if rounds and self.order is TurnOrder.INTERLEAVED and not turn.wait_minutes else ()
            )
            if beside and turn.scheduler not in {other.scheduler for other in beside}:
                rounds[-1] = (*beside, turn)
            else:
                rounds.append((turn,))
        return tuple(rounds)

    @property
    def is_calm(self) -> bool:
        """Whether only lines have trouble, by their content: then every correct pipeline ends alike."""
        upset = (*self.breaks, *(one for one in self.faults if scope(one.kind) is not FaultScope.LINE))
        skewed = any(turn.clock_error_minutes for turn in self.turns)
        places = any(one.nth for one in self.faults)
        closed = any(one.until_turn is None for one in self.suspensions)
        at_once = self.order is TurnOrder.INTERLEAVED
        return not (upset or skewed or places or closed or at_once)

    def __str__(self) -> str:
        limits = (
            f"{self.policy.requests_per_batch_min} to {self.policy.requests_per_batch_max} requests and "
            f"{self.policy.bytes_per_batch_max} bytes a batch, "
            f"{self.policy.retries_per_company} retries, {self.policy.attempts_max} attempts"
        )
        return "\n".join(
            (
                f"history of seed {self.seed}, {self.api} api, turns {self.order}; {limits}",
                *(f"  {company}" for company in self.dataset.companies),
                *(f"  fault {_shown(fault)}" for fault in self.faults),
                *(f"  {one}" for one in self.breaks),
                *(f"  {one}" for one in self.suspensions),
                *(f"  {turn}" for turn in self.turns),
            )
        )

    def smaller(self) -> Iterator["History"]:
        """The same with something less: larger things first. None is the same as this one."""
        for bare in (
            replace(self, breaks=()),
            replace(self, faults=()),
            replace(self, turns=()),
            replace(self, suspensions=()),
            replace(self, order=TurnOrder.ONE_BY_ONE),
        ):
            if bare != self:
                yield bare
        for place in range(len(self.suspensions)):
            yield replace(self, suspensions=without(self.suspensions, place))
        for place in range(len(self.breaks)):
            yield replace(self, breaks=without(self.breaks, place))
        for place in range(len(self.faults)):
            yield replace(self, faults=without(self.faults, place))
        schedulers = sorted({turn.scheduler for turn in self.turns})
        for scheduler in schedulers if len(schedulers) > 1 else ():
            yield replace(self, turns=tuple(turn for turn in self.turns if turn.scheduler != scheduler))
        for dataset in self.dataset.smaller():
            yield replace(self, dataset=dataset)
        for place in range(len(self.turns)):
            yield replace(self, turns=without(self.turns, place))


def _shown(fault: Fault) -> str:
    told = fault.model_dump(exclude_defaults=True)
    return " ".join(f"{key}={value}" for key, value in told.items())


def draw_history(seed: int, kinds: Sequence[FaultKind]) -> History:
    """The history of a seed, with faults of these kinds only. One in five has no trouble but in lines."""
    chance = Random(f"claimbench history {seed}")  # noqa: S311 (a history, not a secret)
    calm = chance.random() < 0.2
    schedulers = 1 if calm else chance.choice((1, 1, 2, 3))
    history = History(
        seed=seed,
        dataset=draw_dataset(chance),
        policy=_policy(chance),
        api=CallStyle.PLAIN if chance.random() < 0.8 else CallStyle.RESILIENT,
        faults=tuple(_faults(chance, _calm_kinds(kinds) if calm else kinds, calm)),
        breaks=() if calm else tuple(_break(chance) for _ in range(chance.choice((0, 0, 1, 1, 2, 3)))),
        turns=tuple(_turns(chance, schedulers, calm)),
    )
    history = _with_more(history, Random(f"claimbench more of history {seed}"))  # noqa: S311 (as above)
    if history.suspensions:
        # A scheduler whose clock is hours wrong cannot tell how old its companies are.
        history = replace(history, turns=tuple(replace(one, clock_error_minutes=0) for one in history.turns))
    return history


def _with_more(history: History, chance: Random) -> History:
    """What came to histories later, drawn apart, so that the seeds of others stay what they were."""
    calm = history.is_calm
    if not calm and chance.random() < 0.25:
        turns = tuple(_rounds(chance, chance.choice((2, 2, 3))))
        history = replace(history, order=TurnOrder.INTERLEAVED, turns=turns)
    if chance.random() < 0.15:
        history = replace(history, dataset=with_long_sessions(history.dataset, chance))
    if chance.random() < 0.15:
        drawn = tuple(
            _suspension(company.id, len(history.turns), chance, calm)
            for company in history.dataset.companies
            if chance.random() < 0.7
        )
        history = replace(history, suspensions=drawn)
    size = chance.random()
    if size < 0.02:
        # Who goes company by company takes a while for each stage: no trouble, and few of them.
        history = replace(
            history,
            dataset=with_crowd(history.dataset),
            faults=(),
            breaks=(),
            turns=history.turns[:8],
            order=TurnOrder.ONE_BY_ONE,
        )
    elif size < 0.05:
        # With one retry a run, so many would outlast the runs that a history has.
        policy = replace(history.policy, retries_per_company=10)
        history = replace(history, dataset=with_large_company(history.dataset), policy=policy)
    return history


def _suspension(company: int, turns: int, chance: Random, calm: object) -> Suspension:
    begin = chance.randrange(turns)
    closed = not calm and chance.random() < 0.3
    return Suspension(company, begin, None if closed else begin + chance.randint(2, 8))


def _rounds(chance: Random, schedulers: int) -> Iterator[SchedulerTurn]:
    """All schedulers take a stage at once, mostly the same one, and time passes until the next.

    Their clocks are a little apart, as clocks are.
    """
    for stage in (stage for _ in range(chance.randint(2, 3)) for stage in Stage):
        wait = chance.choice((1, 3, 6, 20))
        errors = chance.sample((-1, 0, 1, 2), k=schedulers)
        for scheduler, error in enumerate(errors, start=1):
            taken = stage if chance.random() < 0.8 else chance.choice(tuple(Stage))
            yield SchedulerTurn(scheduler, taken, wait, error)
            wait = 0


def _policy(chance: Random) -> Policy:
    """Small limits, so that small datasets reach them; one call after the other, so that a seed repeats."""
    requests_max = chance.choice((2, 3, 1_000))
    return Policy(
        requests_per_batch_min=min(requests_max, chance.choice((1, 2, 3))),
        requests_per_batch_max=requests_max,
        bytes_per_batch_max=chance.choice((1_500, 3_000, 1_000_000)),
        retries_per_company=chance.choice((1, 2, 10)),
        attempts_max=chance.choice((2, 3, 3)),
        concurrent_companies=1,
        claim_lease=timedelta(minutes=15),
    )


def _calm_kinds(kinds: Sequence[FaultKind]) -> tuple[FaultKind, ...]:
    by_content = (FaultKind.ANSWER_NOT_JSON, FaultKind.ANSWER_OFF_SCHEMA, FaultKind.LINE_ERROR)
    return tuple(kind for kind in kinds if kind in by_content)


_CALLS = (
    "files.create",
    "batches.create",
    "batches.create",
    "batches.list",
    "batches.retrieve",
    "files.content",
    "chat.completions.create",
)
_WITH_HOME = (
    FaultKind.TRUNCATED_DOWNLOAD,
    FaultKind.CONTENT_BAD_GATEWAY,
    FaultKind.FILE_NOT_FOUND_AFTER_UPLOAD,
)


def _faults(chance: Random, kinds: Sequence[FaultKind], calm: object) -> Iterator[Fault]:
    for _ in range(chance.choice((0, 1, 2, 2, 3, 4)) if kinds else 0):
        kind = chance.choice(kinds)
        status = chance.choice((400, 408, 429, 500, 503))
        match scope(kind):
            case FaultScope.CALL:
                on = "" if kind in _WITH_HOME else chance.choice(_CALLS)
                nth = tuple(sorted(chance.sample(range(1, 7), k=chance.choice((1, 1, 2, 4)))))
                yield Fault(kind=kind, on=on, nth=nth, status=503, seconds=1.0)
            case FaultScope.BATCH:
                nth = tuple(sorted(chance.sample(range(1, 5), k=chance.choice((1, 2)))))
                share, code = chance.choice((0.0, 0.5, 0.9)), _code(kind, chance)
                yield Fault(kind=kind, nth=nth, status=500, share=share, code=code, seconds=90)
            case FaultScope.LINE:
                nth = () if calm or chance.random() < 0.7 else (chance.randint(1, 3),)
                yield Fault(
                    kind=kind, rate=None if nth else chance.choice((0.2, 0.5)), nth=nth, status=status
                )


def _code(kind: FaultKind, chance: Random) -> str | None:
    if kind is not FaultKind.VALIDATION_FAILURE:
        return None
    return chance.choice(("invalid_request", "model_not_found", "mismatched_model", "rate_limit_exceeded"))


def _break(chance: Random) -> Break:
    place = chance.choice(tuple(BreakPlace))
    harm = chance.choice(tuple(Harm)) if place is BreakPlace.COMMIT else Harm.KILL
    return Break(place, min(40, 1 + int(chance.expovariate(1 / 8))), chance.choice(tuple(Moment)), harm)


def _turns(chance: Random, schedulers: int, calm: object) -> Iterator[SchedulerTurn]:
    """Each scheduler takes its stages in order; the order between schedulers is random."""
    next_stage = [0] * schedulers
    stages = tuple(Stage)
    for _ in range(4 * chance.randint(2, 4)):
        scheduler = chance.randrange(schedulers)
        stage = stages[next_stage[scheduler] % len(stages)]
        next_stage[scheduler] += 1
        wait = chance.choice((0, 1, 3, 6, 20)) if not calm else 3
        error = chance.choice((-180, -30, 30, 180)) if not calm and chance.random() < 0.06 else 0
        yield SchedulerTurn(scheduler + 1, stage, wait, error)
