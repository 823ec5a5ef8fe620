"""Rows that are claimed and completed in a second: by the queues of others, and by the optimized pipeline."""

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from pathlib import Path

import procrastinate
import psycopg
from figures import Figure
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from procrastinate.jobs import Status
from psycopg import AsyncConnection
from sqlalchemy import Engine, create_engine, text

from claimbench.impl.indexes import IndexSet
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import RequestOutcome
from claimbench.impl.optimized.planning import REQUESTS_AT_A_TIME, BatchPlanner
from claimbench.impl.optimized.sessions import own_session
from claimbench.impl.optimized.settling import Settling, StagedRows, settle_by_copy, settlement, staged
from claimbench.impl.optimized.spool import Spool
from claimbench.impl.optimized.strategies import Writing
from claimbench.impl.optimized.writing import in_transaction
from claimbench.impl.ports import Policy, Stage
from claimbench.impl.prompts import AnswerFields
from claimbench.impl.statuses import RequestStatus
from claimbench.loadgen.bench.databases import Workshop, open_server
from claimbench.loadgen.scale.index_study import INDEX_SETS
from claimbench.loadgen.scale.points import GrownSize
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.scenarios.loader import load_batch

JOBS, SLOW_JOBS = 20_000, 2_000
AT_ONCE = 1_000
GROUP, UNIT = "claim and complete", "rows/s"
OUTCOME = RequestOutcome(
    RequestStatus.PROCESSING_COMPLETE,
    answer=AnswerFields("positive", "billing", "The customer asked and was answered.", "en"),
    prompt_tokens=100,
    completion_tokens=20,
    cost_usd=Decimal("0.000018"),
)
DOCUMENTS, NEEDED = INDEX_SETS["all three"], INDEX_SETS["only (batch_id)"]
COMMAND = "from claimbench.loadgen.commands.entry import main; main()"


def queue_figures(url: str, folder: Path) -> Iterator[Figure]:
    """Each peer on an empty database of its own, told by its URL."""
    alone = "claimbench's optimized pipeline, claim and apply alone"
    yield Figure(GROUP, f"{alone}, with the document's indexes", _claimed_and_applied(url, DOCUMENTS), UNIT)
    yield Figure(GROUP, f"{alone}, with the one that it needs", _claimed_and_applied(url, NEEDED), UNIT)
    yield _whole_run(url, folder)
    for name, measure in (("pgqueuer", _pgqueuer), ("procrastinate", _procrastinate)):
        database = f"peer_{name}"
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {database}")
            admin.execute(f"CREATE DATABASE {database}")
            rate = asyncio.run(measure(f"{url.rpartition('/')[0]}/{database}"))
            admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
        yield Figure(GROUP, f"{name} {version(name)}", rate, UNIT)


def _claimed_and_applied(url: str, indexes: Sequence[str]) -> float:
    """What the queues do: rows are claimed in batches, and their outcomes, known before, are applied.

    Their sessions get the answers, too; and there are the keys' own indexes and the foreign keys.
    """
    point = GrownSize(20, JOBS // 20)
    grown = point.dataset(load_batch("document").dataset)
    made = recipe(grown, companies=point.companies, indexes=IndexSet.BEFORE)
    with open_server(url, announce=lambda _: None) as server, Workshop(server) as workshop:
        with workshop.clone(workshop.template(made)) as clone:
            engine = create_engine(clone)
            with engine.begin() as making:
                for statement in indexes:
                    making.execute(text(statement))
            with engine.connect() as looking:
                companies = looking.scalars(text("SELECT id FROM company WHERE status = 'ACTIVE'")).all()
            rate = _rate_on(engine, companies)
            engine.dispose()
    return rate


def _rate_on(engine: Engine, companies: Sequence[int]) -> float:
    now = EPOCH + timedelta(minutes=30)
    with own_session(engine) as claims:
        planner, started = BatchPlanner(claims, Policy(), Lease(now), Writing.SETS), time.perf_counter()
        for chunk in planner.plan(companies).chunks:
            planner.claim(chunk)
        seconds = time.perf_counter() - started
    with engine.connect() as looking:
        held = looking.execute(
            text("SELECT id, batch_id FROM ai_processing_request WHERE status = :status"),
            {"status": RequestStatus.BATCHING_IN_PROGRESS.value},
        ).all()
    known = [settlement(request, batch, OUTCOME) for request, batch in held]
    settling = Settling(Stage.PROCESS_RESULTS, RequestStatus.BATCHING_IN_PROGRESS, Policy(), now)
    completed, started = 0, time.perf_counter()
    with closing(Spool()) as spool:
        for begin in range(0, len(known), REQUESTS_AT_A_TIME):
            part = StagedRows(spool)
            for row in known[begin : begin + REQUESTS_AT_A_TIME]:
                part.keep(row[0], staged(row))
            part.flush()
            apply = partial(settle_by_copy, rows=(part,), settling=settling, meanwhile=_nothing)
            completed += in_transaction(engine, apply).completed
    seconds += time.perf_counter() - started
    if completed < JOBS:
        raise RuntimeError(f"the pipeline completed {completed} of {JOBS} requests")
    return completed / seconds


def _whole_run(url: str, folder: Path) -> Figure:
    """Claiming, prompts, results and their checks included; the API costs nothing and is not counted."""
    wanted = ("scale", "--parts", "limit", "--points", "20x1000", "--out", str(folder / "scale"))
    ran = subprocess.run(
        (sys.executable, "-c", COMMAND, *wanted),
        env={**os.environ, "DATABASE_URL": url},  # it holds a password, which no command line should
        check=False,
        stdout=subprocess.DEVNULL,
    )
    if ran.returncode not in (0, 1, 3):
        raise RuntimeError(f"claimbench scale ended with {ran.returncode}")
    told = json.loads((folder / "scale" / "scale.json").read_text())
    runs = [
        one
        for one in told["turns"]
        if one["arm"] == "optimized" and one["part"] == "limit" and not one["variant"]
    ]
    if not runs:
        raise RuntimeError(f"claimbench scale took no turn of the optimized pipeline: {told['failures']}")
    requests, steps = runs[0]["requests"], runs[0]["steps"]
    seconds = sum(step["seconds"] for step in steps if step["step"] in ("create_batches", "process_results"))
    return Figure(
        GROUP, "claimbench's optimized pipeline, prompts, files and parsing too", requests / seconds, UNIT
    )


def _nothing() -> None:
    return


async def _pgqueuer(url: str) -> float:
    """A thousand jobs at a time, which is its quickest."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        queries = Queries.from_psycopg_connection(connection)
        await queries.install()
        for _ in range(JOBS // AT_ONCE):
            await queries.enqueue(["work"] * AT_ONCE, [b"x"] * AT_ONCE, [0] * AT_ONCE)
        entrypoints = {QueueEntrypoint("work"): EntrypointExecutionParameter(concurrency_limit=0)}
        manager, done, started = QueueManagerId(uuid.uuid4()), 0, time.perf_counter()
        while jobs := await queries.dequeue(AT_ONCE, entrypoints, manager, None, timedelta(seconds=30)):
            await queries.log_jobs([(job, "successful", None) for job in jobs])
            done += len(jobs)
        seconds = time.perf_counter() - started
    if done != JOBS:
        raise RuntimeError(f"PgQueuer completed {done} of {JOBS} jobs")
    return done / seconds


async def _procrastinate(url: str) -> float:
    """It takes one job at a time."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="work")  # type: ignore[untyped-decorator, unused-ignore]  # where it is not installed
    async def work() -> None:
        """Nothing is done."""

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await work.batch_defer_async(*({} for _ in range(SLOW_JOBS)))
        worker, done, started = await app.job_manager.register_worker(), 0, time.perf_counter()
        while job := await app.job_manager.fetch_job(None, worker):
            await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=False)
            done += 1
        seconds = time.perf_counter() - started
    if done != SLOW_JOBS:
        raise RuntimeError(f"Procrastinate completed {done} of {SLOW_JOBS} jobs")
    return done / seconds
