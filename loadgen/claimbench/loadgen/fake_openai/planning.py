"""Decides all outcomes of a batch at its creation: one pass over the index, none over the text."""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import repeat

import orjson

from claimbench.loadgen.fake_openai.chance import Chance
from claimbench.loadgen.fake_openai.fault_injection import NONE_ACTIVE, ActiveFaults, Triggers
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.fixtures import Fixture, Fixtures
from claimbench.loadgen.fake_openai.line_index import LineIndex
from claimbench.loadgen.fake_openai.model_requests import ModelRequest
from claimbench.loadgen.fake_openai.outcomes import Model
from claimbench.loadgen.fake_openai.work import FAILURE, SUCCESS, ZERO, BatchLines, BatchWork


def outcome_of(model: Model, model_request: ModelRequest, draw: int, active: ActiveFaults) -> int:
    """How a line ends: answered, failed, or with no status at all."""
    if model.failure(model_request, draw, active) is not None:
        return FAILURE
    return ZERO if active.faults and active.of(FaultKind.STATUS_CODE_ZERO) else SUCCESS


class Planner:
    """Knows how often each body has been asked, on whatever channel. Callers hold the core's lock."""

    def __init__(self, chance: Chance, model: Model, triggers: Triggers, fixtures: Fixtures) -> None:
        self._chance, self.model, self._triggers = chance, model, triggers
        self.fixtures = fixtures
        self._attempts: dict[bytes, int] = {}

    def attempt(self, digest: bytes) -> int:
        """Count one more request with this body; the first is attempt 0."""
        attempt = self._attempts.get(digest, 0)
        self._attempts[digest] = attempt + 1
        return attempt

    def draw(self, digest: bytes, attempt: int) -> int:
        """The draw of that attempt."""
        return self._chance.line(digest, attempt)

    def active(self, digest: bytes, attempt: int, text: bytes) -> ActiveFaults:
        """The faults that befall a request outside of a batch."""
        return self._triggers.line(digest, attempt, 0, lambda: text)

    def plan(self, number: int, lines: BatchLines, batch_faults: ActiveFaults, created_at: int) -> BatchWork:
        """Decide every line of a batch whose file was found valid."""
        return self._decided(number, lines, batch_faults, self.model, created_at)

    def again(
        self,
        number: int,
        lines: BatchLines,
        line_faults: Mapping[int, ActiveFaults],
        model: Model,
        created_at: int,
    ) -> BatchWork:
        """Decide a batch as it was decided before, when these faults befell its lines."""
        return self._decided(number, lines, line_faults, model, created_at)

    def _decided(
        self,
        number: int,
        lines: BatchLines,
        faults: ActiveFaults | Mapping[int, ActiveFaults],
        model: Model,
        created_at: int,
    ) -> BatchWork:
        index = lines.index
        digests = index.each_digest()
        attempts = list(map(self.attempt, digests))
        draws = self._chance.lines(digests, attempts)
        known = self._faults_by_line(lines, attempts, faults) if isinstance(faults, ActiveFaults) else faults
        outcomes, own = bytearray(len(index)), self._own(lines, known)
        for position in self._doubtful(index, draws, known, model):
            active = known.get(position, NONE_ACTIVE)
            outcomes[position] = outcome_of(model, index.model_request(position), draws[position], active)
        for position, fixture in own.items():
            outcomes[position] = SUCCESS if fixture.status == 200 else FAILURE
        mark = self._chance.number(number)
        return BatchWork(number, lines, draws, bytes(outcomes), known, model, created_at, mark, own)

    def _own(self, lines: BatchLines, active_faults: Mapping[int, ActiveFaults]) -> dict[int, Fixture]:
        """The lines that have an answer of their own, unless a fault befalls them."""
        if not self.fixtures:
            return {}
        found, positions = dict[int, Fixture](), range(len(lines.index))
        texts = lines.texts(positions) if self.fixtures.by_custom_id else repeat(b"{}")
        for position, text in zip(positions, texts, strict=False):
            custom_id = partial(_custom_id, text)
            fixture = self.fixtures.of_line(custom_id, lines.index.digest(position))
            if fixture is not None and position not in active_faults:
                found[position] = fixture
        return found

    def _doubtful(
        self,
        index: LineIndex,
        draws: Iterable[int],
        active_faults: Mapping[int, ActiveFaults],
        model: Model,
    ) -> set[int]:
        """The positions of requests that may not be answered; all others are."""
        doubtful = {*active_faults, *model.unlucky(draws)}
        bad_requests = {
            number
            for number, model_request in enumerate(index.model_requests)
            if model_request.problem is not None
        }
        if bad_requests:
            doubtful.update(
                place
                for place, model_request in enumerate(index.request_numbers)
                if model_request in bad_requests
            )
        return doubtful

    def _faults_by_line(
        self, lines: BatchLines, attempts: list[int], batch_faults: ActiveFaults
    ) -> dict[int, ActiveFaults]:
        if not self._triggers.touch_lines and not batch_faults.faults:
            return {}
        positions = range(len(attempts))
        found = {}
        for position, text in zip(positions, lines.texts(positions), strict=True):
            digest = lines.index.digest(position)
            own = self._triggers.line(digest, attempts[position], position + 1, partial(bytes, text))
            if own.faults or batch_faults.faults:
                found[position] = ActiveFaults(batch_faults.faults + own.faults)
        return found


def _custom_id(line: bytes) -> str:
    return str(orjson.loads(line)["custom_id"])
