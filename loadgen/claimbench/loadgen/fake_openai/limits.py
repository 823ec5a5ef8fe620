"""The limits of the API, each of which can be set, and what counts against them."""

import heapq
import math
import tomllib
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.wire import Refusal, Refused


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, lives in clock seconds, rates per clock minute or hour.

    Sources: the API reference and the Batch guide.

    `enqueued_tokens` is the prompt tokens that open batches of one model may hold, `enqueued_requests` their
    requests; the real figures depend
    on the account's tier (the default is that of a high one). `clock_speed` says how many seconds of the
    clock pass in one of the caller's, so that Retry-After is told in the caller's. `model_speed` is how many
    times as fast as the real API batches are worked on and rates are counted, on a clock with real dates.
    `dialect` decides what urls and models a line may name; `in_dialect` makes those of one call. Beyond
    `stored_bytes` on disk the files of the oldest batches go whose results have been fetched.
    """

    requests_per_batch: int = 50_000
    bytes_per_batch_file: int = 200_000_000
    bytes_per_file: int = 512_000_000
    batch_files_expire_s: int = 2_592_000
    batches_per_hour: int = 2_000
    uploads_per_minute: int = 1_000
    enqueued_tokens: int = 15_000_000_000
    enqueued_requests: int = 1_000_000
    chat_per_minute: int = 30_000
    context_tokens: int = 1_047_576
    embedding_inputs_per_batch: int = 50_000
    clock_speed: float = 1.0
    model_speed: float = 1.0
    dialect: Dialect = Dialect.AUTO
    stored_bytes: int = 10**15

    def in_dialect(self, path: str) -> "Limits":
        """The same limits, in the dialect of a call of this path."""
        return self if self.dialect is not Dialect.AUTO else replace(self, dialect=self.dialect.of_path(path))


DOCUMENTED = Limits()

ROOMY = Limits(
    batches_per_hour=10**12, uploads_per_minute=10**12, chat_per_minute=10**12, enqueued_requests=10**12
)
"""No rate limits: for benchmarks whose clock does not move while they work."""


_BY_OPTION = {"requests_per_minute": "chat_per_minute"}
_SETTABLE = (
    *("requests_per_batch", "bytes_per_batch_file", "bytes_per_file", "batch_files_expire_s"),
    *(
        "batches_per_hour",
        "uploads_per_minute",
        "enqueued_tokens",
        "enqueued_requests",
        "requests_per_minute",
    ),
    *("context_tokens", "embedding_inputs_per_batch"),
)


def load_limits(path: Path | None, options: Mapping[str, int | None]) -> Limits:
    """The documented limits, changed by a TOML file and then by options. UsageError names what is wrong."""
    values: dict[str, tuple[str, Any]] = {}
    if path is not None:
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(
                f"cannot be read ({error})", where=str(path), remedy="name a TOML file"
            ) from error
        values |= {name: (f"{path}: {name}", value) for name, value in found.items()}
    for name, value in options.items():
        if value is not None:
            values[name] = (f"--{name.replace('_', '-')}", value)
    for name, (where, value) in values.items():
        if name not in _SETTABLE:
            known = ", ".join(_SETTABLE)
            raise UsageError("there is no such limit", where=where, remedy=f"use one of {known}")
        if type(value) is not int or value < 0:
            raise UsageError(f"{value!r} is no limit", where=where, remedy="use a whole number from 0 on")
    return replace(DOCUMENTED, **{_BY_OPTION.get(name, name): value for name, (_, value) in values.items()})


class RateWindow:
    """Admits `limit` calls in any `period_s` seconds; `clock_speed` turns waits into the caller's seconds."""

    def __init__(self, limit: int, period_s: float, clock_speed: float) -> None:
        self.limit, self._period_s, self._clock_speed = limit, period_s, clock_speed
        self._taken: deque[float] = deque()

    def take(self, now: float, what: str) -> None:
        """Admit one call, or refuse it with 429 and the headers that tell when to come back."""
        while self._taken and self._taken[0] <= now - self._period_s:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            wait_s = (self._taken[0] + self._period_s - now) / self._clock_speed
            raise Refused(rate_limited(f"Rate limit reached for {what}. Limit: {self.limit:,}.", wait_s))
        self._taken.append(now)

    def headers(self, now: float) -> dict[str, str]:
        """The headers by which the API tells how much of a limit is left."""
        wait_s = (self._taken[0] + self._period_s - now) / self._clock_speed if self._taken else 0.0
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(max(0, self.limit - len(self._taken))),
            "x-ratelimit-reset-requests": f"{max(0, math.ceil(wait_s * 1000))}ms",
        }


def rate_limited(message: str, retry_after_s: float | None, code: str | None = None) -> Refusal:
    """A 429, with or without the headers that say when to try again."""
    headers = {"x-ratelimit-remaining-requests": "0"}
    if retry_after_s is not None:
        wait_ms = math.ceil(retry_after_s * 1000)
        headers |= {
            "retry-after": str(math.ceil(retry_after_s)),
            "retry-after-ms": str(wait_ms),
            "x-ratelimit-reset-requests": f"{wait_ms}ms",
        }
    return Refusal(429, message, "requests", None, code or "rate_limit_exceeded", headers)


@dataclass(frozen=True, slots=True)
class Hold:
    """What one batch holds until it ends (Unix seconds)."""

    model: str
    tokens: int
    requests: int
    until: float


class BatchQueue:
    """What the open batches of each model hold. Callers hold the core's lock."""

    def __init__(self) -> None:
        self._holds: dict[int, Hold] = {}
        self._ends: list[tuple[float, int]] = []
        self._tokens: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()

    def hold(self, number: int, hold: Hold) -> None:
        """Let the batch of this number hold this, instead of what it held before."""
        self._release(number)
        self._holds[number] = hold
        self._tokens[hold.model] += hold.tokens
        self._requests[hold.model] += hold.requests
        heapq.heappush(self._ends, (hold.until, number))

    def held(self, model: str, now: float) -> Hold:
        """What the open batches of a model hold together at a moment."""
        while self._ends and self._ends[0][0] <= now:
            until, number = heapq.heappop(self._ends)
            hold = self._holds.get(number)
            if hold is not None and hold.until == until:
                self._release(number)
        return Hold(model, self._tokens[model], self._requests[model], now)

    def _release(self, number: int) -> None:
        hold = self._holds.pop(number, None)
        if hold is not None:
            self._tokens[hold.model] -= hold.tokens
            self._requests[hold.model] -= hold.requests
