"""A `BatchApi` that rides out bad moments: retries with backoff and jitter, a breaker per kind of call."""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import BinaryIO, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_base

from claimbench.impl.breaker import Breaker, BreakerStatus
from claimbench.impl.errors import CIRCUIT_OPEN, ApiError, Blame
from claimbench.impl.events import Event, EventKind, EventSink, ignore
from claimbench.impl.ports import BATCH_KEY, ApiBatch, BatchApi, Completion

Result = TypeVar("Result")

_NOT_NOW = frozenset({CIRCUIT_OPEN, "insufficient_quota", "token_limit_exceeded"})

CALLS = ("upload", "create_batch", "find_batches", "retrieve", "download", "complete")
"""The kinds of call, each with a breaker of its own."""


@dataclass(frozen=True, slots=True)
class Resilience:
    """How much patience: the document's figures. `jitter` (0..1) is the share of a wait left to chance."""

    retries_max: int = 3
    wait_min: timedelta = timedelta(seconds=1)
    wait_max: timedelta = timedelta(seconds=30)
    jitter: float = 0.5
    breaker_failures: int = 5
    breaker_open: timedelta = timedelta(minutes=5)


DOCUMENTED = Resilience()


class _Backoff(wait_base):
    """Twice as long each time, up to the limit; a part of it by chance, so that many do not come at once."""

    def __init__(self, resilience: Resilience, chance: random.Random) -> None:
        self._resilience, self._chance = resilience, chance

    def __call__(self, retry_state: RetryCallState) -> float:
        given = self._resilience
        doubled: float = given.wait_min.total_seconds() * (1 << (retry_state.attempt_number - 1))
        wait = min(doubled, given.wait_max.total_seconds())
        return max(wait * (1 - given.jitter * self._chance.random()), _asked_wait(retry_state))


def _asked_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after_s or 0.0 if isinstance(error, ApiError) else 0.0


class ResilientBatchApi:
    """Wraps an api whose own client does not retry. Safe in threads if that api is.

    `sleep` and `ticks` are for tests, which take no time.
    """

    def __init__(
        self,
        api: BatchApi,
        resilience: Resilience = DOCUMENTED,
        events: EventSink = ignore,
        *,
        sleep: Callable[[float], None] = time.sleep,
        ticks: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self._api, self._events, self._resilience = api, events, resilience
        self._newest: int | None = None  # when the newest batch was created that was seen to be, by the API
        open_s = resilience.breaker_open.total_seconds()
        self._breakers = {name: Breaker(name, resilience.breaker_failures, open_s, ticks) for name in CALLS}
        self._retrying = Retrying(
            retry=retry_if_exception(self._is_worth_another_try),
            stop=stop_after_attempt(1 + resilience.retries_max),
            wait=_Backoff(resilience, chance or random.Random()),  # noqa: S311 (jitter, not secrets)
            sleep=sleep,
            before_sleep=self._tell_retry,
            reraise=True,
        )
        self._submitting = self._retrying.copy(retry=retry_if_exception(self._is_worth_another_submission))

    def breakers(self) -> tuple[BreakerStatus, ...]:
        """How each breaker is now."""
        return tuple(breaker.status() for breaker in self._breakers.values())

    def upload(self, filename: str, lines: BinaryIO) -> str:
        """Upload; each try reads the file from where it stood."""
        start = lines.tell()

        def once() -> str:
            lines.seek(start)
            return self._api.upload(filename, lines)

        return self._again("upload", once, self._submitting)

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        """Create; after a failure the API is asked whether it did so all the same, and only then once more.

        A creation whose outcome is unknown and that cannot be found is left to a later run: the API may
        still be at it.
        """
        failures: list[ApiError] = []
        since = self._newest

        def once() -> ApiBatch:
            if failures:
                found = self._found_after(failures[-1], metadata[BATCH_KEY], since)
                if found:
                    return found
                if failures[-1].status_code is None:
                    raise failures[-1]
            try:
                made = self._guarded("create_batch", lambda: self._api.create_batch(input_file_id, metadata))
            except ApiError as error:
                failures.append(error)
                raise
            self._newest = max(made.created_at or 0, self._newest or 0) or None
            return made

        return self._submitting.copy()(once)

    def _found_after(self, failure: ApiError, key: str, since: int | None) -> ApiBatch | None:
        try:
            return self._guarded("find_batches", lambda: self._api.find_batches((key,), since)).get(key)
        except ApiError as error:
            raise failure from error

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        """Look batches up by their keys."""
        return self._again("find_batches", lambda: self._api.find_batches(keys, since))

    def retrieve(self, batch_id: str) -> ApiBatch:
        """The present state of a batch."""
        return self._again("retrieve", lambda: self._api.retrieve(batch_id))

    def download(self, file_id: str) -> Iterator[bytes]:
        """The lines of a file; a download that breaks goes on after the lines that were given already."""
        given = 0
        failures = 0
        while True:
            try:
                for line in islice(self._guarded_lines(file_id), given, None):
                    yield line
                    given += 1
            except ApiError as error:
                failures += 1
                self._wait_or_raise(error, failures)
            else:
                return

    def file_size(self, file_id: str) -> int | None:
        """How many bytes there are of a file."""
        return self._again("retrieve", lambda: self._api.file_size(file_id))

    def complete(self, body: Mapping[str, object]) -> Completion:
        """Send one request alone."""
        return self._again("complete", lambda: self._api.complete(body))

    def _again(self, name: str, call: Callable[[], Result], retrying: Retrying | None = None) -> Result:
        """Again and again. What was called and failed is told so, though a breaker refused the last try."""
        failures: list[ApiError] = []

        def once() -> Result:
            try:
                return self._guarded(name, call)
            except ApiError as error:
                failures.append(error)
                raise

        try:
            return (retrying or self._retrying).copy()(once)
        except ApiError as error:
            if error.code == CIRCUIT_OPEN and len(failures) > 1:
                raise failures[-2] from error
            raise

    def _guarded(self, name: str, call: Callable[[], Result]) -> Result:
        self._check(name)
        try:
            result = call()
        except ApiError as error:
            self._count(name, error)
            raise
        if self._breakers[name].succeeded():
            self._events(Event(EventKind.BREAKER_CLOSED, name))
        return result

    def _guarded_lines(self, file_id: str) -> Iterator[bytes]:
        self._check("download")
        try:
            yield from self._api.download(file_id)
        except ApiError as error:
            self._count("download", error)
            raise
        if self._breakers["download"].succeeded():
            self._events(Event(EventKind.BREAKER_CLOSED, "download"))

    def _check(self, name: str) -> None:
        if not self._breakers[name].allows():
            message = f"{name} has failed too often of late: not called"
            raise ApiError(message, code=CIRCUIT_OPEN, retryable=True)

    def _count(self, name: str, error: ApiError) -> None:
        """A refusal of what was sent shows that the API is well; the others show that it is not."""
        breaker = self._breakers[name]
        if error.blame is Blame.REQUEST:
            closed = breaker.succeeded()
            if closed:
                self._events(Event(EventKind.BREAKER_CLOSED, name))
        elif breaker.failed():
            self._events(Event(EventKind.BREAKER_OPENED, name))

    def _wait_or_raise(self, error: ApiError, failures: int) -> None:
        state = RetryCallState(self._retrying, None, (), {})
        state.attempt_number = failures
        state.set_exception((type(error), error, error.__traceback__))
        if not self._is_worth_another_try(error) or self._retrying.stop(state):
            raise error
        self._tell_retry(state)
        self._retrying.sleep(self._retrying.wait(state))

    def _tell_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._events(Event(EventKind.API_RETRY, str(error)))

    def _is_worth_another_try(self, error: BaseException) -> bool:
        """Not what cannot succeed, nor what the breaker or a quota refuses, nor what asks for a long wait."""
        if not isinstance(error, ApiError) or not error.retryable or error.code in _NOT_NOW:
            return False
        return (error.retry_after_s or 0.0) <= self._resilience.wait_max.total_seconds()

    def _is_worth_another_submission(self, error: BaseException) -> bool:
        """Nor a quota: it counts minutes or hours, and what is not submitted now waits for the next run."""
        is_quota = isinstance(error, ApiError) and error.is_rate_limit
        return not is_quota and self._is_worth_another_try(error)
