"""Rows that are claimed and completed in a second: by the queues of others, and by the optimized pipeline."""

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import procrastinate
import psycopg
from figures import Figure
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from procrastinate.jobs import Status
from psycopg import AsyncConnection

JOBS, SLOW_JOBS = 20_000, 2_000
AT_ONCE = 1_000
GROUP, UNIT = "claim and complete", "rows/s"
COMMAND = "from claimbench.loadgen.commands.entry import main; main()"


def queue_figures(url: str, folder: Path) -> Iterator[Figure]:
    """Each peer on an empty database of its own, told by its URL."""
    yield _ours(url, folder)
    for name, measure in (("pgqueuer", _pgqueuer), ("procrastinate", _procrastinate)):
        database = f"peer_{name}"
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {database}")
            admin.execute(f"CREATE DATABASE {database}")
            rate = asyncio.run(measure(f"{url.rpartition('/')[0]}/{database}"))
            admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
        yield Figure(GROUP, f"{name} {version(name)}", rate, UNIT)


def _ours(url: str, folder: Path) -> Figure:
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
    return Figure(GROUP, "claimbench's optimized pipeline, without the API", requests / seconds, UNIT)


async def _pgqueuer(url: str) -> float:
    """A thousand jobs at a time, which is its quickest."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        queries = Queries.from_psycopg_connection(connection)
        await queries.install()
        for _ in range(JOBS // AT_ONCE):
            await queries.enqueue(["work"] * AT_ONCE, [b"x"] * AT_ONCE, [0] * AT_ONCE)
        entrypoints = {"work": EntrypointExecutionParameter(concurrency_limit=0)}
        manager, done, started = uuid.uuid4(), 0, time.perf_counter()
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

    @app.task(name="work")
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
