"""Decides all outcomes of a batch at its creation: one pass over the index, none over the text."""

from collections.abc import Iterable, Mapping
from functools import partial

from claimbench.loadgen.fake_openai.line_index import LineIndex
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
        digests = index.each_digest()
        attempts = list(map(self.attempt, digests))
        draws = self._chance.lines(digests, attempts)
        occasions = self._occasions(lines, attempts, batch_faults)
        outcomes = bytearray(len(index))
        for position in self._doubtful(index, draws, occasions):
            occasion = occasions.get(position, CALM)
            outcomes[position] = outcome_of(model, index.ask(position), draws[position], occasion)
        return Work(number, lines, draws, bytes(outcomes), occasions, model, created_at)

    def _doubtful(
        self, index: LineIndex, draws: Iterable[int], occasions: Mapping[int, Occasion]
    ) -> set[int]:
        """The positions of requests that may not be answered; all others are."""
        doubtful = {*occasions, *self.model.unlucky(draws)}
        bad_asks = {number for number, ask in enumerate(index.asks) if ask.problem is not None}
        if bad_asks:
            doubtful.update(place for place, ask in enumerate(index.ask_numbers) if ask in bad_asks)
        return doubtful

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
