"""Defects that the oracle found in our own pipelines, each as the shortest thing that shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread

import openai
import pytest
from mortal_process import POLICY, Trial, trial
from mutants.making import Twist

from claimbench.impl.errors import CIRCUIT_OPEN, ApiError
from claimbench.impl.events import ignore
from claimbench.impl.lifecycle import status_seen
from claimbench.impl.openai_api import OpenAIBatchApi
from claimbench.impl.ports import ApiBatch, BatchApi, Completion, Pipeline, PipelineContext, Stage
from claimbench.impl.registry import find_pipeline
from claimbench.impl.resilience import ResilientBatchApi
from claimbench.impl.statuses import BatchStatus, ProcessingType, RequestStatus
from claimbench.loadgen.commands.verify import chosen_kinds
from claimbench.loadgen.fake_openai.faults import Fault, FaultKind
from claimbench.loadgen.verify.datasets import (
    HistoryCompany,
    HistoryDataset,
    HistoryRequest,
    HistorySession,
    Oddity,
)
from claimbench.loadgen.verify.histories import CallStyle, History, SchedulerTurn, draw_history
from claimbench.loadgen.verify.runner import run_history
from claimbench.loadgen.verify.world import World
from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH

PENDING, FAILED = RequestStatus.PENDING_BATCHING, RequestStatus.PROCESSING_FAILED


def company_of(requests: int, status: RequestStatus, attempts: int) -> HistoryDataset:
    sessions = (
        HistorySession(
            number,
            Oddity.NONE,
            1,
            (HistoryRequest(number, "gpt-4o-mini", ProcessingType.SUMMARY, status, attempts, 60),),
        )
        for number in range(1, requests + 1)
    )
    return HistoryDataset((HistoryCompany(1, is_active=True, sessions=tuple(sessions)),))


@contextmanager
def api_of(scene: Trial) -> Iterator[BatchApi]:
    with openai.OpenAI(api_key="any", base_url=scene.api_url, max_retries=0) as client:
        yield OpenAIBatchApi(client)


def built(pipeline: str, scene: Trial, api: BatchApi, seat: int) -> Pipeline:
    context = PipelineContext(scene.world.mortal_engine(seat).engine, api, POLICY, ignore)
    return find_pipeline(pipeline)(context)


class Broken(Twist):
    def upload(self, filename: str, lines: object) -> str:
        raise RuntimeError("a bug")


def test_a_submission_that_breaks_in_the_middle_ends_with_its_error(world: World) -> None:
    """The rollback waited for ever for the stream that was still being read."""
    raised: list[BaseException] = []

    def run(pipeline: Pipeline, now: datetime) -> None:
        try:
            pipeline.create_batches(now)
        except RuntimeError as error:
            raised.append(error)

    with trial(world, company_of(60, PENDING, 0)) as scene, api_of(scene) as api:
        pipeline = built("optimized", scene, Broken(api), 1)
        thread = Thread(target=run, args=(pipeline, scene.clock.now()), daemon=True)
        thread.start()
        thread.join(30)

        assert not thread.is_alive()
        assert [str(error) for error in raised] == ["a bug"]


class Busy(Twist):
    def __init__(self) -> None:
        self.calls = 0

    def complete(self, body: object) -> Completion:
        self.calls += 1
        raise ApiError("busy", status_code=503, retryable=True)


def test_a_call_that_was_made_is_told_as_failed_though_its_failure_opened_the_breaker() -> None:
    """Told as refused by the breaker, it gave its attempt back, and was made again for ever."""
    busy = Busy()
    api = ResilientBatchApi(busy, sleep=lambda _: None)
    codes = []
    for _ in range(3):
        with pytest.raises(ApiError) as told:
            api.complete({})
        codes.append(told.value.code)

    assert (busy.calls, codes) == (5, [None, None, CIRCUIT_OPEN])


@pytest.mark.parametrize("apart", [timedelta(hours=-9), timedelta(0), timedelta(hours=3)])
@pytest.mark.parametrize(("minutes", "status"), [(1, BatchStatus.FINALIZING), (61, BatchStatus.COMPLETED)])
def test_an_ended_batch_whose_answers_may_only_be_late_is_waited_for_but_not_for_ever(
    minutes: int, status: BatchStatus, apart: timedelta
) -> None:
    """With an error file there already, the batch was processed, and its answers asked for again."""
    first = ApiBatch("b", BatchStatus.COMPLETED, "f", error_file_id="e", answered=2, told_at=1_000)
    later = replace(first, told_at=1_000 + 60 * minutes)

    named = replace(later, output_file_id="o")

    assert status_seen(first, None, None, POLICY, EPOCH) == (BatchStatus.FINALIZING, EPOCH, 1_000)
    assert status_seen(later, EPOCH, 1_000, POLICY, EPOCH + apart) == (status, EPOCH, 1_000)
    assert status_seen(named, EPOCH, 1_000, POLICY, EPOCH + apart) == (BatchStatus.COMPLETED, EPOCH, None)


SHORT = Fault(kind=FaultKind.SHORT_BODY, on="files.content", nth=(1, 2, 3))
LATE = Fault(kind=FaultKind.LATE_OUTPUT_FILE_ID, nth=(1,), seconds=1_500)
CHECK, PROCESS = Stage.CHECK_STATUSES, Stage.PROCESS_RESULTS


@pytest.mark.parametrize("pipeline", ["naive", "optimized", "integrated"])
@pytest.mark.parametrize(
    ("fault", "turns"),
    [
        pytest.param(SHORT, [(CHECK, 20), (PROCESS, 6, 180)], id="short, our clock ahead"),
        pytest.param(SHORT, [(CHECK, 20), (PROCESS, 90)], id="short, after a pause"),
        pytest.param(SHORT, [(CHECK, 20), (PROCESS, 6), (PROCESS, 90)], id="short again an hour later"),
        pytest.param(LATE, [(CHECK, 20), (CHECK, 1, 180)], id="late, our clock ahead"),
    ],
)
def test_a_file_that_is_short_or_late_is_given_up_by_the_apis_clock_alone(
    world: World, pipeline: str, fault: Fault, turns: list[tuple[Stage, int, int]]
) -> None:
    """By a scheduler's clock the patience was over: requests were asked, and paid for, twice (seed 1360)."""
    taken = tuple(SchedulerTurn(1, *turn) for turn in [(Stage.CREATE_BATCHES, 20), *turns])
    dataset = company_of(2, PENDING, 0)
    history = History(1, dataset, POLICY, CallStyle.PLAIN, faults=(fault,), breaks=(), turns=taken)

    assert run_history(history, find_pipeline(pipeline), world, None).violations == ()


class Interrupting(Twist):
    """Lets something happen while the first request is asked."""

    def __init__(self, api: BatchApi, meanwhile: Callable[[], object]) -> None:
        super().__init__(api)
        self._meanwhile: Callable[[], object] | None = meanwhile

    def complete(self, body: object) -> Completion:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            meanwhile()
        return self._api.complete(body)  # type: ignore[arg-type]  # as it was given


@pytest.mark.parametrize("pipeline", ["naive", "optimized"])
def test_who_slept_for_longer_than_a_lease_asks_nothing_that_another_has_asked(
    world: World, pipeline: str
) -> None:
    """The naive retries were claimed, but nobody looked whether they still were when their turn came."""
    with trial(world, company_of(3, FAILED, 1), failed_line_rate=0.0) as scene, api_of(scene) as api:
        later = scene.clock.now() + timedelta(hours=1)
        other = built(pipeline, scene, api, 2)
        sleeper = built(pipeline, scene, Interrupting(api, lambda: other.retry_failed(later)), 1)
        sleeper.retry_failed(scene.clock.now())

        assert len(scene.recorder.chats) == 3
        assert scene.violations(frozenset()) == ()


def test_a_request_that_no_batch_can_hold_leaves_its_batch_before_the_upload(world: World) -> None:
    """A scheduler that was cut off after the upload left it in a batch that did not ask it (seed 2987)."""
    history = draw_history(2987, chosen_kinds("all"))

    assert run_history(history, find_pipeline("naive"), world, None).violations == ()
