"""The database goes away in the middle of a run: connections are cut, or the whole server starts again."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import openai
import psycopg
import pytest
from mortal_process import POLICY, STEP, Trial, trial
from mutants.making import Twist

from claimbench.impl.connecting import open_engine
from claimbench.impl.events import ignore
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import BatchApi, PipelineContext, Stage, take_stage
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.bench.databases import open_server
from claimbench.loadgen.bench.databases.connecting import conninfo
from claimbench.loadgen.bench.databases.ownership import owned
from claimbench.loadgen.verify.datasets import HistoryDataset
from claimbench.loadgen.verify.world import World, open_world

pytestmark = pytest.mark.whole

PIPELINES = pytest.mark.parametrize("pipeline", ["naive", "optimized", "integrated"])


@pytest.fixture
def fragile() -> Iterator[World]:
    """A world on a server of its own, which may be harmed."""
    with (
        open_server("embedded", announce=lambda _: None, in_memory=True) as server,
        owned(server.admin_url) as owner,
        open_world(server.admin_url.set(database=owner.create("fragile"))) as opened,
    ):
        yield opened


@dataclass
class Outage:
    """Happens once, in the middle of the call of this number."""

    at: int
    cause: Callable[[], None]
    calls: int = 0

    @property
    def is_over(self) -> bool:
        return self.calls >= self.at

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            self.cause()


class Unlucky(Twist):
    """An API during each of whose calls something may happen to the database."""

    def __init__(self, api: BatchApi, outage: Outage) -> None:
        super().__init__(api)
        self._outage = outage

    def upload(self, filename: str, lines: object) -> str:
        self._outage()
        return self._api.upload(filename, lines)  # type: ignore[arg-type]  # as it was given

    def retrieve(self, batch_id: str) -> object:  # type: ignore[override]  # as the API gives it
        self._outage()
        return self._api.retrieve(batch_id)

    def complete(self, body: object) -> object:  # type: ignore[override]  # as the API gives it
        self._outage()
        return self._api.complete(body)  # type: ignore[arg-type]  # as it was given


def worked_through(scene: Trial, pipeline: str, outage: Outage) -> frozenset[int]:
    """Fourteen runs of one scheduler, which outlives its stages' errors; the turns that ended with one."""
    failed = set()
    engine = open_engine(scene.world.url)
    with openai.OpenAI(api_key="any", base_url=scene.api_url, max_retries=0) as client:
        api = Unlucky(OpenAIBatchApi(client), outage)
        built = find_pipeline(pipeline)(PipelineContext(engine, api, POLICY, ignore))
        for _ in range(14):
            for stage in Stage:
                scene.recorder.turn += 1
                try:
                    take_stage(built, stage, scene.clock.now())
                except Exception:
                    failed.add(scene.recorder.turn)
                if outage.is_over and not failed:
                    failed.add(scene.recorder.turn)  # a stage may fall back on another path within its turn
            scene.clock.advance(STEP)
    engine.dispose()
    return frozenset(failed)


def cut_all(world: World) -> Callable[[], None]:
    """Ends every other connection to the database, as an administrator does."""

    def cut() -> None:
        world.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    return cut


@PIPELINES
@pytest.mark.parametrize("at", [1, 4])
def test_connections_that_are_cut_in_mid_run_lose_nothing(
    fragile: World, tiny: HistoryDataset, pipeline: str, at: int
) -> None:
    with trial(fragile, tiny) as scene:
        interrupted = worked_through(scene, pipeline, Outage(at, cut_all(fragile)))
        for mortal in fragile.engines.values():
            mortal.engine.dispose()

        assert interrupted
        assert scene.violations(interrupted) == ()


def restart(world: World) -> Callable[[], None]:
    """Kills a backend, at which the server throws everybody out, recovers from its log and starts again."""

    def kill() -> None:
        with psycopg.connect(conninfo(world.url)) as victim:
            os.kill(victim.info.backend_pid, signal.SIGKILL)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    psycopg.connect(conninfo(world.url), connect_timeout=2).close()
                except psycopg.OperationalError:
                    time.sleep(0.05)
                else:
                    return

    return kill


@pytest.mark.skipif(sys.platform != "linux", reason="the backend must be a process that we can see")
@PIPELINES
def test_a_server_that_restarts_in_mid_run_loses_nothing(
    fragile: World, tiny: HistoryDataset, pipeline: str
) -> None:
    with trial(fragile, tiny) as scene:
        interrupted = worked_through(scene, pipeline, Outage(2, restart(fragile)))
        for mortal in fragile.engines.values():
            mortal.engine.dispose()

        assert interrupted
        assert scene.violations(interrupted) == ()
