"""Rate limits: so many calls in so many seconds of the clock."""

import math
from collections import deque

from claimbench.loadgen.fake_openai.wire import Refusal, Refused


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


def rate_limited(message: str, retry_after_s: float | None) -> Refusal:
    """A 429, with or without the headers that say when to try again."""
    headers = {"x-ratelimit-remaining-requests": "0"}
    if retry_after_s is not None:
        wait_ms = math.ceil(retry_after_s * 1000)
        headers |= {
            "retry-after": str(math.ceil(retry_after_s)),
            "retry-after-ms": str(wait_ms),
            "x-ratelimit-reset-requests": f"{wait_ms}ms",
        }
    return Refusal(429, message, "requests", None, "rate_limit_exceeded", headers)
