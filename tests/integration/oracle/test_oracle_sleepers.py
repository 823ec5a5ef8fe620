"""A scheduler sleeps through its lease in mid-upload, cut off: the one case of a batch that is made twice."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event as Signal

import openai
import pytest
from mortal_process import POLICY, STEP, Trial, trial
from mutants.making import Twist

from claimbench.impl.connecting import open_engine
from claimbench.impl.events import Event, EventKind
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import BatchApi, Pipeline, PipelineContext
from claimbench.impl.registry import find_pipeline
from claimbench.impl.statuses import ProcessingType, RequestStatus
from claimbench.loadgen.oracle import Invariant
from claimbench.loadgen.verify.datasets import (
    MODELS,
    HistoryCompany,
    HistoryDataset,
    HistoryRequest,
    HistorySession,
    Oddity,
)
from claimbench.loadgen.verify.world import World

PENDING = RequestStatus.PENDING_BATCHING
ONE_BATCH = HistoryDataset(
    (
        HistoryCompany(
            1,
            is_active=True,
            sessions=tuple(
                HistorySession(
                    n, Oddity.NONE, 2, (HistoryRequest(n, MODELS[0], ProcessingType.SUMMARY, PENDING, 0, 60),)
                )
                for n in (1, 2)
            ),
        ),
    )
)


class Slow(Twist):
    """Lets something happen before its upload reaches the API."""

    def __init__(self, api: BatchApi, meanwhile: Callable[[], object]) -> None:
        super().__init__(api)
        self._meanwhile = meanwhile

    def upload(self, filename: str, lines: object) -> str:
        self._meanwhile()
        return self._api.upload(filename, lines)  # type: ignore[arg-type]  # as it was given


@dataclass
class Bedroom:
    """Where a scheduler sleeps in mid-upload, without its connection, until it is woken."""

    world: World
    asleep: Signal = field(default_factory=Signal)
    woken: Signal = field(default_factory=Signal)

    def sleep(self) -> None:
        self.world.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sleeper'"
        )
        self.asleep.set()
        assert self.woken.wait(30)


@contextmanager
def working(scene: Trial, told: list[Event]) -> Iterator[Callable[..., Pipeline]]:
    """Makes schedulers of a pipeline, each with connections of its own name."""
    with openai.OpenAI(api_key="any", base_url=scene.api_url, max_retries=0) as client, ExitStack() as made:

        def built(pipeline: str, name: str, meanwhile: Callable[[], object]) -> Pipeline:
            engine = open_engine(scene.world.url.update_query_dict({"application_name": name}))
            made.callback(engine.dispose)
            api = Slow(OpenAIBatchApi(client), meanwhile)
            return find_pipeline(pipeline)(PipelineContext(engine, api, POLICY, told.append))

        yield built


@pytest.mark.parametrize("other", ["naive", "optimized"])
@pytest.mark.parametrize("sleeper", ["naive", "optimized"])
@pytest.mark.parametrize("wakes", ["in mid-upload", "afterwards"])
def test_of_two_batches_that_schedulers_made_of_one_the_surplus_is_told(
    world: World, wakes: str, sleeper: str, other: str
) -> None:
    told: list[Event] = []
    bedroom = Bedroom(world)
    with trial(world, ONE_BATCH) as scene, working(scene, told) as built, ThreadPoolExecutor(1) as thread:
        first = built(sleeper, "sleeper", bedroom.sleep)
        sleeping = thread.submit(first.create_batches, scene.clock.now())
        assert bedroom.asleep.wait(30)

        def wake() -> None:
            bedroom.woken.set()
            wait([sleeping], 0.5)  # it may have to wait for the other

        second = built(other, "other", wake if wakes == "in mid-upload" else lambda: None)
        second.create_batches(scene.clock.now() + STEP)
        wake()
        wait([sleeping], 30)
        surplus = [event.detail for event in told if event.kind is EventKind.SURPLUS_BATCH]
        found = scene.violations(frozenset())

    unnamed = [one.detail for one in found if one.invariant is Invariant.ONE_BATCH_ONE_ROW]
    assert [one.split()[0] for one in unnamed] == [one.split(":")[0] for one in surplus]
    assert len(surplus) == 1
