"""The invariants of an arm that is measured: it works to the end on a clone with a trail, and is judged."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain, repeat

from sqlalchemy import NullPool, create_engine, text

from claimbench.impl.ports import BATCH_KEY, Policy, Stage
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.fake_openai.respx_adapter import serving
from claimbench.loadgen.oracle import Evidence, SelfReport, completed_requests, judge_calm
from claimbench.loadgen.oracle.api_record import read_api_record
from claimbench.loadgen.oracle.recorder import ApiRecorder
from claimbench.loadgen.oracle.rows import UNFINISHED, read_rows
from claimbench.loadgen.oracle.trail import TRAIL_STATEMENTS, read_trail
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import take
from claimbench.loadgen.workloads.batch_pipeline.building import open_pipeline
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH, SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.session import API_URL, ArmCall
from claimbench.loadgen.workloads.port import Database

DRAIN_STEPS = tuple(timedelta(minutes=minutes) for minutes in (6, 6, 6, 40, 40, 40, 61, 61, 61, 61, 1500))
"""The waits between the runs that bring the work to its end; the long one outlives the API's day."""
DRAIN_RUNS_MAX = 66
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

    def look() -> tuple[bool, int]:
        with watching.connect() as connection:
            is_left, moved = connection.execute(text(LEFT_AND_MOVED)).one()
        return is_left, moved

    try:
        with (
            serving(recorder, base_url=API_URL),
            open_pipeline(call.pipeline, database.url, API_URL) as built,
        ):
            for wait in chain([timedelta(0)], repeat(call.step, runs - 1), draining(look)):
                clock.advance(wait)
                for stage in Stage:
                    recorder.turn += 1
                    completed += completed_requests(take(built.pipeline, stage, clock.now()))
            account = SelfReport(completed, {one: built.pipeline.stats(one) for one in before.companies})
        evidence = Evidence(
            before, read_rows(watching), read_trail(watching), read_api_record(recorder, BATCH_KEY), Policy()
        )
        return tuple(str(violation) for violation in judge_calm(evidence, account))
    finally:
        fake.close()
