"""Decides which faults befall what: counts calls and batches, and draws for rates."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from claimbench.loadgen.fake_openai.faults import Fault, FaultKind, Faults, FaultScope
from claimbench.loadgen.fake_openai.naming import Chance


@dataclass(frozen=True, slots=True)
class Occasion:
    """The faults that befall one call, batch or line; mostly none."""

    faults: tuple[Fault, ...] = ()

    def of(self, *kinds: FaultKind) -> Fault | None:
        """The first fault of one of these kinds."""
        return next((fault for fault in self.faults if fault.kind in kinds), None)


CALM = Occasion()


class Triggers:
    """The faults of a run and the counters that their `nth` refers to. Callers hold the core's lock."""

    def __init__(self, faults: Faults, chance: Chance) -> None:
        self._calls = faults.of(FaultScope.CALL)
        self._batches = faults.of(FaultScope.BATCH)
        self._lines = faults.of(FaultScope.LINE)
        self._chance = chance
        self._counts: Counter[str] = Counter()

    @property
    def touch_calls(self) -> bool:
        """Whether any fault befalls calls."""
        return bool(self._calls)

    @property
    def touch_lines(self) -> bool:
        """Whether any fault befalls lines."""
        return bool(self._lines)

    def call(self, name: str, text: Callable[[], bytes]) -> Occasion:
        """The faults of the next call of this name; `text` gives its path and body when asked."""
        if not self._calls:
            return CALM
        self._counts[name] += 1
        number = self._counts[name]
        return Occasion(
            tuple(
                fault
                for place, fault in enumerate(self._calls)
                if fault.call_name in ("", name)
                and _is_nth(fault, number)
                and self._drawn(fault, "call", place, name, number)
                and (fault.match is None or fault.matches(text()))
            )
        )

    def batch(self, text: bytes) -> Occasion:
        """The faults of the next batch; `text` is the request that creates it."""
        self._counts["a batch"] += 1
        number = self._counts["a batch"]
        return Occasion(
            tuple(
                fault
                for place, fault in enumerate(self._batches)
                if _is_nth(fault, number)
                and self._drawn(fault, "batch", place, number)
                and fault.matches(text)
            )
        )

    def line(self, digest: bytes, attempt: int, number: int, text: Callable[[], bytes]) -> Occasion:
        """The faults of one request: the `number`-th line of its batch (0 outside a batch)."""
        return Occasion(
            tuple(
                fault
                for place, fault in enumerate(self._lines)
                if _is_nth(fault, number)
                and self._drawn(fault, "line", place, digest.hex(), attempt)
                and (fault.match is None or fault.matches(text()))
            )
        )

    def _drawn(self, fault: Fault, *words: object) -> bool:
        return fault.rate is None or self._chance.share("fault", *words) < fault.rate


def _is_nth(fault: Fault, number: int) -> bool:
    return not fault.nth or number in fault.nth
