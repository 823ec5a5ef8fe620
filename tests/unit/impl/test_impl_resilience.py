"""Retries, breakers and reconciliation around the API, with time played."""

import io
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.breaker import Breaker, BreakerState
from claimbench.impl.errors import CIRCUIT_OPEN, ApiError
from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import ApiBatch, Completion, batch_metadata
from claimbench.impl.resilience import Resilience, ResilientBatchApi
from claimbench.impl.statuses import BatchStatus

BUSY = ApiError("busy", status_code=503, retryable=True)
LOST = ApiError("lost", retryable=True)
WRONG = ApiError("wrong", status_code=400, retryable=False)
METADATA = batch_metadata("key", 1)
MADE = ApiBatch("batch_1", BatchStatus.VALIDATING, "file_1", metadata=METADATA)


@dataclass
class ScriptedApi:
    """Fails as it is told, in order, then succeeds; `made` is what a search finds."""

    failures: list[ApiError] = field(default_factory=list)
    made: ApiBatch | None = None
    creations: int = 0
    uploads: list[bytes] = field(default_factory=list)
    calls: int = 0

    def _next(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)

    def upload(self, filename: str, lines: io.BytesIO) -> str:
        self.uploads.append(lines.read())
        self._next()
        return "file_1"

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        self.creations += 1
        self._next()
        return MADE

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        return dict.fromkeys(keys, self.made) if self.made else {}

    def retrieve(self, batch_id: str) -> ApiBatch:
        self._next()
        return MADE

    def download(self, file_id: str) -> Iterator[bytes]:
        for number in range(6):
            if number == 3:
                self._next()
            yield str(number).encode()

    def complete(self, body: Mapping[str, object]) -> Completion:
        self._next()
        return Completion("{}", 1, 1)


@dataclass
class PlayedTime:
    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def ticks(self) -> float:
        return self.now


def resilient(api: ScriptedApi, time: PlayedTime, events: list[Event] | None = None) -> ResilientBatchApi:
    told = [] if events is None else events
    chance = random.Random(1)  # noqa: S311 (jitter, not secrets)
    return ResilientBatchApi(
        api, Resilience(), told.append, sleep=time.sleep, ticks=time.ticks, chance=chance
    )


def test_a_bad_moment_is_ridden_out_with_growing_waits() -> None:
    api, time = ScriptedApi([BUSY, BUSY, BUSY]), PlayedTime()

    assert resilient(api, time).retrieve("batch_1") == MADE
    assert [0.5 <= time.waits[0] <= 1, 1 <= time.waits[1] <= 2, 2 <= time.waits[2] <= 4] == [True] * 3


def test_the_fourth_failure_is_told() -> None:
    api = ScriptedApi([BUSY] * 4)

    with pytest.raises(ApiError, match="busy"):
        resilient(api, PlayedTime()).retrieve("batch_1")

    assert api.calls == 4


@pytest.mark.parametrize(
    "error",
    [
        WRONG,
        ApiError("no key", status_code=401, code="invalid_api_key", retryable=False),
        ApiError("no money", status_code=429, code="insufficient_quota", retryable=True),
        ApiError("later", status_code=429, retry_after_s=600, retryable=True),
    ],
)
def test_what_cannot_succeed_now_is_not_tried_again(error: ApiError) -> None:
    api = ScriptedApi([error])

    with pytest.raises(ApiError):
        resilient(api, PlayedTime()).complete({})

    assert api.calls == 1


def test_the_wait_that_the_api_asks_for_is_kept() -> None:
    time = PlayedTime()
    api = ScriptedApi([ApiError("slow down", status_code=429, retry_after_s=20, retryable=True)])

    resilient(api, time).retrieve("batch_1")

    assert time.waits == [20]


def test_an_upload_that_is_tried_again_sends_the_whole_file_again() -> None:
    api = ScriptedApi([LOST])

    resilient(api, PlayedTime()).upload("name", io.BytesIO(b"lines"))

    assert api.uploads == [b"lines", b"lines"]


def test_a_creation_whose_response_was_lost_is_found_and_not_repeated() -> None:
    api = ScriptedApi([LOST], made=MADE)

    assert resilient(api, PlayedTime()).create_batch("file_1", METADATA) == MADE
    assert api.creations == 1


def test_a_creation_whose_outcome_stays_unknown_is_left_to_a_later_run() -> None:
    api = ScriptedApi([LOST])

    with pytest.raises(ApiError, match="lost"):
        resilient(api, PlayedTime()).create_batch("file_1", METADATA)

    assert api.creations == 1


def test_a_creation_that_was_refused_for_the_moment_is_repeated_after_a_look() -> None:
    api = ScriptedApi([BUSY])

    assert resilient(api, PlayedTime()).create_batch("file_1", METADATA) == MADE
    assert api.creations == 2


def test_a_download_that_breaks_goes_on_where_it_was() -> None:
    api = ScriptedApi([LOST, LOST])

    assert list(resilient(api, PlayedTime()).download("file_1")) == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_five_failures_in_a_row_open_the_breaker_of_that_call_alone() -> None:
    api, time, events = ScriptedApi([BUSY] * 5), PlayedTime(), list[Event]()
    guarded = resilient(api, time, events)

    for _ in range(2):
        with pytest.raises(ApiError):
            guarded.retrieve("batch_1")

    states = {status.name: status.state for status in guarded.breakers()}
    assert (states["retrieve"], states["complete"]) == (BreakerState.OPEN, BreakerState.CLOSED)
    assert EventKind.BREAKER_OPENED in [event.kind for event in events]
    assert guarded.complete({}).content == "{}"


def test_an_open_breaker_refuses_without_calling_and_lets_one_trial_through_after_five_minutes() -> None:
    api, time = ScriptedApi([BUSY] * 5), PlayedTime()
    guarded = resilient(api, time)
    for _ in range(2):
        with pytest.raises(ApiError):
            guarded.retrieve("batch_1")
    calls = api.calls

    with pytest.raises(ApiError) as refused:
        guarded.retrieve("batch_1")
    assert (refused.value.code, api.calls) == (CIRCUIT_OPEN, calls)

    time.now += timedelta(minutes=5).total_seconds()
    assert guarded.retrieve("batch_1") == MADE
    assert all(status.state is BreakerState.CLOSED for status in guarded.breakers())


def test_refusals_of_what_was_sent_do_not_open_a_breaker() -> None:
    api = ScriptedApi([WRONG] * 20)
    guarded = resilient(api, PlayedTime())

    for _ in range(20):
        with pytest.raises(ApiError):
            guarded.complete({})

    assert all(status.state is BreakerState.CLOSED for status in guarded.breakers())


def test_a_half_open_breaker_lets_only_one_trial_through() -> None:
    time = PlayedTime()
    breaker = Breaker("retrieve", 1, 300, time.ticks)
    breaker.failed()
    time.now = 300

    assert [breaker.allows(), breaker.allows()] == [True, False]
    assert breaker.status().state is BreakerState.HALF_OPEN


@given(st.lists(st.sampled_from(["fail", "succeed", "wait"]), max_size=60))
def test_a_breaker_is_open_only_after_enough_failures_in_a_row(steps: list[str]) -> None:
    time = PlayedTime()
    breaker = Breaker("retrieve", 3, 300, time.ticks)
    in_a_row = 0
    for step in steps:
        time.now += 301 if step == "wait" else 1
        if step == "wait" or not breaker.allows():
            continue
        if step == "fail":
            breaker.failed()
            in_a_row += 1
        else:
            breaker.succeeded()
            in_a_row = 0

        assert (breaker.status().state is BreakerState.CLOSED) == (in_a_row < 3)


@pytest.mark.parametrize("call", ["upload", "create_batch"])
def test_a_quota_of_submissions_is_not_waited_for(call: str) -> None:
    api, time = (
        ScriptedApi([ApiError("slow down", status_code=429, retry_after_s=1, retryable=True)]),
        PlayedTime(),
    )
    patient = resilient(api, time)
    with pytest.raises(ApiError, match="slow down"):
        patient.upload("a", io.BytesIO(b"a")) if call == "upload" else patient.create_batch("f", METADATA)

    assert (api.calls, time.waits) == (1, [])
