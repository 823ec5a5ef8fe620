"""After a soak: the oracle's evidence of a service that took requests meanwhile, and what was submitted."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine, text

from claimbench.impl.ports import BATCH_KEY, Policy
from claimbench.impl.statuses import RequestStatus
from claimbench.loadgen.load.plan import Body, LoadPlan
from claimbench.loadgen.oracle import Evidence
from claimbench.loadgen.oracle.api_record import ApiRecord, read_api_record
from claimbench.loadgen.oracle.recorder import ApiRecorder, Chat
from claimbench.loadgen.oracle.rows import RequestRow, Rows, SessionRow, read_rows
from claimbench.loadgen.oracle.trail import read_trail
from claimbench.reports.record.load import Generated

RETRYING = RequestStatus.RETRY_IN_PROGRESS


@dataclass(frozen=True, slots=True)
class Away:
    """When the database was away, by the clock that all processes of this machine share."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class RetryLease:
    """A request was taken to be asked alone, in a transaction begun then; `ended` is its next step's."""

    begun: datetime
    ended: datetime | None

    @property
    def turn(self) -> int:
        """Those of one transaction are of one turn: its beginning, in Unix microseconds."""
        return int(self.begun.timestamp() * 1e6)


def evidence_of(before: Rows, engine: Engine, recorder: ApiRecorder, policy: Policy, away: Away) -> Evidence:
    """Judged are the requests that were seeded and those that came, as they were when they came."""
    after = read_rows(engine)
    leases = read_leases(engine)
    record = read_api_record(recorder, BATCH_KEY)
    whole = as_submitted(before, after)
    bodies = Evidence(whole, after, read_trail(engine), record, policy)
    return replace(
        bodies,
        api=replace(record, chats=_in_turns(record, leases, bodies.requests_by_body)),
        interrupted=interrupted(leases, away),
    )


def as_submitted(before: Rows, after: Rows) -> Rows:
    """The rows of before, and those that came later as a submission makes them."""
    return Rows(
        after.companies,
        {key: before.sessions.get(key) or _new_session(row) for key, row in after.sessions.items()},
        {key: before.requests.get(key) or _new_request(row) for key, row in after.requests.items()},
        before.batches,
    )


def _new_session(row: SessionRow) -> SessionRow:
    return replace(row, sentiment=None, category=None, summary=None, language=None)


def _new_request(row: RequestRow) -> RequestRow:
    return replace(
        row,
        status=RequestStatus.PENDING_BATCHING,
        batch_id=None,
        attempts=0,
        prompt_tokens=None,
        completion_tokens=None,
        cost_usd=None,
        error=None,
        claimed_at=None,
        completed_at=None,
    )


_STEPS = text(
    "SELECT request_id, new_status, begun_at FROM claimbench_trail WHERE request_id IS NOT NULL ORDER BY id"
)


def read_leases(engine: Engine) -> Mapping[int, tuple[RetryLease, ...]]:
    """For each request the times that it was taken to be asked alone, in their order."""
    leases: dict[int, list[RetryLease]] = {}
    with engine.connect() as connection:
        for request_id, status, begun in connection.execute(_STEPS):
            mine = leases.setdefault(request_id, [])
            if mine and mine[-1].ended is None:
                mine[-1] = replace(mine[-1], ended=begun)
            if status == RETRYING:
                mine.append(RetryLease(begun, None))
    return {request_id: tuple(mine) for request_id, mine in leases.items() if mine}


def _in_turns(
    record: ApiRecord, leases: Mapping[int, Sequence[RetryLease]], ids: Mapping[bytes, tuple[int, ...]]
) -> tuple[Chat, ...]:
    """The recorder's times become turns: each chat completion belongs to the last lease before it."""
    return tuple(
        replace(chat, turn=turn_of(chat.turn, leases.get(next(iter(ids.get(chat.body, ())), 0), ())))
        for chat in record.chats
    )


def turn_of(at_us: int, leases: Sequence[RetryLease]) -> int:
    """The turn of the last lease that began before; the time itself where there is none."""
    place = bisect_right([lease.turn for lease in leases], at_us)
    return leases[place - 1].turn if place else at_us


def interrupted(leases: Mapping[int, Sequence[RetryLease]], away: Away) -> frozenset[int]:
    """The turns that the database's absence fell into: what they learned they may have lost."""
    return frozenset(
        lease.turn
        for mine in leases.values()
        for lease in mine
        if lease.begun <= away.until and (lease.ended is None or lease.ended >= away.since)
    )


@dataclass(frozen=True, slots=True)
class Submitted:
    """Sessions that the service acknowledged, and those whose submission failed on its way."""

    acknowledged: int
    unsure: int


def submitted(plan: LoadPlan, generated: Generated) -> Submitted:
    """Counted by the generator."""
    sizes = {Body.NONE: 0, Body.SUBMISSION: 1, Body.BULK: plan.bulk_size}
    size_of = {operation.name: sizes[operation.body] for operation in plan.operations}
    records = generated.operations
    return Submitted(
        sum(size_of[each.name] * (each.completed - each.failed) for each in records),
        sum(size_of[each.name] * each.failed for each in records),
    )
