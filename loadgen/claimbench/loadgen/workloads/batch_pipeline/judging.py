"""The invariants of an arm that is measured: it works to the end on a clone with a trail, and is judged."""

from datetime import timedelta

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
    try:
        with (
            serving(recorder, base_url=API_URL),
            open_pipeline(call.pipeline, database.url, API_URL) as built,
        ):
            for run in range(runs + DRAIN_RUNS_MAX):
                for stage in Stage:
                    recorder.turn += 1
                    completed += completed_requests(take(built.pipeline, stage, clock.now()))
                with watching.connect() as connection:
                    if run + 1 >= runs and not connection.execute(text(UNFINISHED)).scalar_one():
                        break
                clock.advance(call.step if run + 1 < runs else DRAIN_STEPS[(run - runs) % len(DRAIN_STEPS)])
            account = SelfReport(completed, {one: built.pipeline.stats(one) for one in before.companies})
        evidence = Evidence(
            before, read_rows(watching), read_trail(watching), read_api_record(recorder, BATCH_KEY), Policy()
        )
        return tuple(str(violation) for violation in judge_calm(evidence, account))
    finally:
        fake.close()
