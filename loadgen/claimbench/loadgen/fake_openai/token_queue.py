"""The prompt tokens that open batches hold, by model: read and changed without looking at every batch."""

import heapq
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """What one batch holds until it ends (Unix seconds)."""

    model: str
    tokens: int
    until: float


class TokenQueue:
    """All holds. Callers hold the core's lock."""

    def __init__(self) -> None:
        self._holds: dict[int, Hold] = {}
        self._ends: list[tuple[float, int]] = []
        self._totals: Counter[str] = Counter()

    def hold(self, number: int, hold: Hold) -> None:
        """Let the batch of this number hold tokens, instead of what it held before."""
        self._release(number)
        self._holds[number] = hold
        self._totals[hold.model] += hold.tokens
        heapq.heappush(self._ends, (hold.until, number))

    def held(self, model: str, now: float) -> int:
        """The tokens that open batches of a model hold at a moment."""
        while self._ends and self._ends[0][0] <= now:
            until, number = heapq.heappop(self._ends)
            hold = self._holds.get(number)
            if hold is not None and hold.until == until:
                self._release(number)
        return self._totals[model]

    def _release(self, number: int) -> None:
        hold = self._holds.pop(number, None)
        if hold is not None:
            self._totals[hold.model] -= hold.tokens
