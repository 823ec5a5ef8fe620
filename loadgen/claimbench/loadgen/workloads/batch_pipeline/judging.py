"""The invariants of an arm that is measured: it works to the end on a clone with a trail, and is judged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, repeat

from sqlalchemy import Engine, NullPool, create_engine, text

from claimbench.impl.ports import BATCH_KEY, Policy, Stage
from claimbench.impl.statuses import CompanyStatus, RequestStatus
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.respx_adapter import serving
from claimbench.loadgen.oracle import Evidence, SelfReport, completed_requests, judge_calm
from claimbench.loadgen.oracle.api_record import read_api_record
from claimbench.loadgen.oracle.evidence import StatusChange
from claimbench.loadgen.oracle.recorder import ApiRecorder
from claimbench.loadgen.oracle.rows import UNFINISHED, Rows, read_rows
from claimbench.loadgen.oracle.trail import TRAIL_STATEMENTS, read_trail
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import take
from claimbench.loadgen.workloads.batch_pipeline.building import open_pipeline
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH, SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.session import API_URL, ArmCall
from claimbench.loadgen.workloads.port import Database

DRAIN_STEPS = tuple(timedelta(minutes=minutes) for minutes in (6, 6, 6, 40, 40, 40, 61, 61, 61, 61, 1500))
"""The waits between the runs that bring the work to its end; the long one outlives the API's day."""
DRAIN_RUNS_MAX = 150
LEFT_AND_MOVED = f"SELECT ({UNFINISHED}), (SELECT count(*) FROM claimbench_trail)"  # noqa: S608 (our own texts)
"""Asks whether anything is left to do, and how many steps the trail holds."""


def draining(look: Callable[[], tuple[bool, int]]) -> Iterator[timedelta]:
    """Yield the wait before each run that is of use to bring the work to its end.

    It ends when nothing is left, when a whole round of waits moved nothing (what outlived the API's day is
    stuck), or after too many runs. look: asks LEFT_AND_MOVED, after each run.
    """
    moved, still = -1, 0
    for number in range(DRAIN_RUNS_MAX):
        yield DRAIN_STEPS[number % len(DRAIN_STEPS)]
        is_left, found = look()
        moved, still = found, still + 1 if found == moved else 0
        if not is_left or still >= len(DRAIN_STEPS):
            return


@dataclass
class Suspender:
    """Suspends the first company that has something to do, for one run, and opens it again."""

    watching: Engine
    before: Rows
    changes: list[StatusChange] = field(default_factory=list)

    def over(self, clock: SimulatedClock) -> Iterator[timedelta]:
        """Yield the wait before the run without it, when no cache can know it any more, and the one after."""
        life = max(Policy().company_cache_ttl, Policy().pending_age_max)  # by then everything is due, too
        rows = [row for row in self.before.requests.values() if row.status == RequestStatus.PENDING_BATCHING]
        waiting = [company for company in map(self.before.company_of, rows) if company.is_active]
        for company in waiting[:1]:
            self._change(company.id, clock.now(), is_active=False)
            self._tell(clock.now() + life)
            yield life
            self._change(company.id, clock.now() + timedelta(minutes=1), is_active=True)
            self._tell(clock.now() + life)
        yield life if waiting else timedelta(0)
        self._tell(None)

    def _change(self, company: int, at: datetime, *, is_active: bool) -> None:
        status = CompanyStatus.ACTIVE if is_active else CompanyStatus.INACTIVE
        with self.watching.begin() as connection:
            connection.execute(
                text("UPDATE company SET status = :status WHERE id = :id"),
                {"status": status.value, "id": company},
            )
        self.changes.append(StatusChange(at, company, is_active))

    def _tell(self, at: datetime | None) -> None:
        """What time the trail notes; none when nobody is suspended any more."""
        with self.watching.begin() as connection:
            connection.execute(text("UPDATE claimbench_clock SET at = :at"), {"at": at})


def violations_of(call: ArmCall, database: Database, runs: int) -> tuple[str, ...]:
    """A sentence for each violation: the invariant in words and by name, and the row."""
    clock = SimulatedClock(EPOCH)
    fake = FakeOpenAI(seed=call.api.seed, clock=clock.timestamp, failed_line_rate=call.api.failed_line_rate)
    recorder = ApiRecorder(fake)
    watching = create_engine(database.url, poolclass=NullPool)
    with watching.begin() as connection:
        for statement in TRAIL_STATEMENTS:
            connection.execute(text(statement))
    before, completed = read_rows(watching), 0
    suspension = Suspender(watching, before)

    def look() -> tuple[bool, int]:
        with watching.connect() as connection:
            is_left, moved = connection.execute(text(LEFT_AND_MOVED)).one()
        return is_left, moved

    try:
        with (
            serving(recorder, base_url=API_URL),
            open_pipeline(call.pipeline, database.url, API_URL) as built,
        ):
            take(built.pipeline, Stage.CHECK_STATUSES, clock.now())  # a cache knows the companies now
            for wait in chain(suspension.over(clock), repeat(call.step, runs - 1), draining(look)):
                clock.advance(wait)
                for stage in Stage:
                    recorder.turn += 1
                    completed += completed_requests(take(built.pipeline, stage, clock.now()))
            account = SelfReport(completed, {one: built.pipeline.stats(one) for one in before.companies})
        evidence = Evidence(
            before,
            read_rows(watching),
            read_trail(watching),
            read_api_record(recorder, BATCH_KEY),
            Policy(),
            changes=tuple(suspension.changes),
        )
        return tuple(str(violation) for violation in judge_calm(evidence, account))
    finally:
        fake.close()
