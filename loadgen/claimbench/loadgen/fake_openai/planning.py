"""Decides all outcomes of a batch at its creation: one pass over the index, none over the text."""

from array import array
from functools import partial

from claimbench.loadgen.fake_openai.naming import Chance
from claimbench.loadgen.fake_openai.outcomes import Model
from claimbench.loadgen.fake_openai.triggers import CALM, Occasion, Triggers
from claimbench.loadgen.fake_openai.work import Lines, Work, outcome_of


class Planner:
    """Knows how often each body has been asked, on whatever channel. Callers hold the core's lock."""

    def __init__(self, chance: Chance, model: Model, triggers: Triggers) -> None:
        self._chance, self.model, self._triggers = chance, model, triggers
        self._attempts: dict[bytes, int] = {}

    def attempt(self, digest: bytes) -> int:
        """Count one more request with this body; the first is attempt 0."""
        attempt = self._attempts.get(digest, 0)
        self._attempts[digest] = attempt + 1
        return attempt

    def draw(self, digest: bytes, attempt: int) -> int:
        """The draw of that attempt."""
        return self._chance.line(digest, attempt)

    def occasion(self, digest: bytes, attempt: int, text: bytes) -> Occasion:
        """The faults that befall a request outside of a batch."""
        return self._triggers.line(digest, attempt, 0, lambda: text)

    def plan(self, number: int, lines: Lines, batch_faults: Occasion, created_at: int) -> Work:
        """Decide every line of a batch whose file was found valid."""
        index, model = lines.index, self.model
        digests = [index.digest(position) for position in range(len(index))]
        attempts = [self.attempt(digest) for digest in digests]
        draws = array("Q", map(self._chance.line, digests, attempts))
        occasions = self._occasions(lines, attempts, batch_faults)
        outcomes = bytes(
            outcome_of(model, index.asks[ask], draw, occasions.get(position, CALM))
            for position, (ask, draw) in enumerate(zip(index.ask_numbers, draws, strict=True))
        )
        return Work(number, lines, draws, outcomes, occasions, model, created_at)

    def _occasions(self, lines: Lines, attempts: list[int], batch_faults: Occasion) -> dict[int, Occasion]:
        if not self._triggers.touch_lines and not batch_faults.faults:
            return {}
        positions = range(len(attempts))
        found = {}
        for position, text in zip(positions, lines.texts(positions), strict=True):
            digest = lines.index.digest(position)
            own = self._triggers.line(digest, attempts[position], position + 1, partial(bytes, text))
            if own.faults or batch_faults.faults:
                found[position] = Occasion(batch_faults.faults + own.faults)
        return found
