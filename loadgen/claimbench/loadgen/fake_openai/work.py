"""What the model does with a batch's lines: decided when the batch is created, never on a poll."""

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

import orjson

from claimbench.loadgen.fake_openai.answers import VARIANTS
from claimbench.loadgen.fake_openai.blobs import Blob
from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.fake_openai.chance import Chance
from claimbench.loadgen.fake_openai.fault_injection import NONE_ACTIVE, ActiveFaults, Triggers
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.line_index import LineIndex
from claimbench.loadgen.fake_openai.model_requests import ModelRequest
from claimbench.loadgen.fake_openai.outcomes import Model, answer_tokens, answered
from claimbench.loadgen.fake_openai.replies import ReplyInput, completion_tokens
from claimbench.loadgen.fake_openai.wire import JsonObject

_SUCCESS, _FAILURE, _ZERO = 0, 1, 2
_NO_STATUS = {"status_code": 0, "request_id": "", "body": {}}


@dataclass(frozen=True, slots=True)
class BatchTotals:
    """A batch's end in numbers: `completed` is for the counts, `answered` are the output's lines."""

    completed: int
    failed: int
    answered: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Why the lines after the first `done` (in the order of execution) were not executed."""

    done: int
    code: str
    message: str


def expired(done: int) -> Rest:
    """The rest of a batch whose window ended."""
    message = "This request could not be executed before the completion window expired."
    return Rest(done, "batch_expired", message)


def cancelled(done: int) -> Rest:
    """The rest of a batch that was cancelled."""
    return Rest(done, "batch_cancelled", "The batch was cancelled before this request executed.")


@dataclass(frozen=True)
class BatchLines:
    """The requests of an uploaded file: the text on disk, and the index of it."""

    content: Blob
    index: LineIndex

    def texts(self, positions: Iterable[int]) -> Iterator[bytes]:
        """The lines at these positions, read one at a time."""
        with self.content.open() as file:
            descriptor = file.fileno()
            for position in positions:
                yield os.pread(descriptor, self.index.lengths[position], self.index.offsets[position])

    def requests(self) -> Iterator[JsonObject]:
        """All requests, in the file's order."""
        for line in self.texts(range(len(self.index))):
            yield orjson.loads(line)


@dataclass(frozen=True)
class BatchWork:
    """One batch's lines with the draws that decide them, by position; `occasions` are the faults of a few.

    The lines are executed, and come out, in an order of their own that `number` and the draws decide.
    """

    number: int
    lines: BatchLines
    draws: "array[int]"
    outcomes: bytes
    active_faults: Mapping[int, ActiveFaults]
    model: Model
    created_at: int
    rest: Rest | None = None

    def __len__(self) -> int:
        return len(self.draws)

    def stopped(self, rest: Rest) -> "BatchWork":
        """The same work, left unfinished."""
        return replace(self, rest=rest)

    def order(self) -> list[int]:
        """The positions in the order of execution."""
        positions = list(range(len(self)))
        Random(f"{self.number} {self.draws[0] if self.draws else 0}").shuffle(positions)  # noqa: S311 (an order)
        return positions

    def tally(self) -> BatchTotals:
        """Count what was done; linear in the lines, so it is kept by the batch."""
        done = self.order()[: self.rest.done] if self.rest else range(len(self))
        outcomes, prompt = self.outcomes, self.lines.index.prompt_tokens
        executed = [position for position in done if outcomes[position] == _SUCCESS]
        completed = len(executed) + sum(outcomes[position] == _ZERO for position in done)
        return BatchTotals(
            completed,
            len(self) - completed,
            len(executed),
            sum([prompt[position] for position in executed]),
            self._output_tokens(executed),
        )

    def _output_tokens(self, executed: Sequence[int]) -> int:
        """The tokens of all answers; those without faults are few that come often."""
        index, draws, faulty = self.lines.index, self.draws, self.active_faults
        numbers = index.request_numbers
        plain = [place for place in executed if place not in faulty] if faulty else executed
        alike = Counter([numbers[place] * VARIANTS + draws[place] % VARIANTS for place in plain])
        tokens = sum(
            times * completion_tokens(index.model_requests[one // VARIANTS], one % VARIANTS)
            for one, times in alike.items()
        )
        odd = (place for place in executed if place in faulty)
        return tokens + sum(answer_tokens(self._reply_input(place), faulty[place]) for place in odd)

    def output_lines(self) -> Iterator[bytes]:
        """The output file: a line for each request that was answered."""
        positions = [position for position in self._done() if self.outcomes[position] == _SUCCESS]
        for position, text in zip(positions, self.lines.texts(positions), strict=True):
            body = answered(self._reply_input(position), self._active(position))
            response = {"status_code": 200, "request_id": self._request_id(position), "body": body}
            yield from self._distorted(position, self._line(position, text, response))

    def error_lines(self) -> Iterator[bytes]:
        """The error file: a line for each request that failed or was not executed."""
        positions = [position for position in self._done() if self.outcomes[position] != _SUCCESS]
        for position, text in zip(positions, self.lines.texts(positions), strict=True):
            yield from self._distorted(position, self._line(position, text, self._failed_response(position)))
        yield from self._rest_lines()

    def _rest_lines(self) -> Iterator[bytes]:
        if self.rest is None:
            return
        error = {"code": self.rest.code, "message": self.rest.message}
        positions = self.order()[self.rest.done :]
        for position, text in zip(positions, self.lines.texts(positions), strict=True):
            yield self._line(position, text, None, error)

    def _done(self) -> Sequence[int]:
        order = self.order()
        return order[: self.rest.done] if self.rest else order

    def _reply_input(self, position: int) -> ReplyInput:
        index = self.lines.index
        return ReplyInput(
            index.model_request(position),
            index.prompt_tokens[position],
            self.draws[position],
            self.created_at,
        )

    def _active(self, position: int) -> ActiveFaults:
        return self.active_faults.get(position, NONE_ACTIVE)

    def _failed_response(self, position: int) -> JsonObject:
        if self.outcomes[position] == _ZERO:
            return _NO_STATUS
        model_request = self.lines.index.model_request(position)
        refusal = self.model.failure(model_request, self.draws[position], self._active(position))
        if refusal is None:
            raise AssertionError(f"line {position} has no error")
        request_id = self._request_id(position)
        return {"status_code": refusal.status, "request_id": request_id, "body": refusal.body()}

    def _request_id(self, position: int) -> str:
        return f"{self.draws[position]:016x}{self.number:08x}{position:08x}"

    def _line(
        self, position: int, text: bytes, response: JsonObject | None, error: JsonObject | None = None
    ) -> bytes:
        line = {
            "id": f"batch_req_{self.number:08x}{position:08x}{self.draws[position]:016x}",
            "custom_id": orjson.loads(text)["custom_id"],
            "response": response,
            "error": error,
        }
        return orjson.dumps(line) + b"\n"

    def _distorted(self, position: int, line: bytes) -> Iterator[bytes]:
        active = self._active(position)
        if not active.faults:
            yield line
            return
        if active.of(FaultKind.MISSING_LINE):
            return
        if active.of(FaultKind.INVALID_OUTPUT_LINE):
            line = line[: len(line) // 2] + b"\n"
        yield line
        if active.of(FaultKind.DUPLICATED_LINE):
            yield line


def canonical_body(request: JsonObject) -> bytes:
    """The canonical body of an input line."""
    return canonical(request["body"])


def outcome_of(model: Model, model_request: ModelRequest, draw: int, active: ActiveFaults) -> int:
    """How a line ends: answered, failed, or with no status at all."""
    if model.failure(model_request, draw, active) is not None:
        return _FAILURE
    return _ZERO if active.faults and active.of(FaultKind.STATUS_CODE_ZERO) else _SUCCESS


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

    def active(self, digest: bytes, attempt: int, text: bytes) -> ActiveFaults:
        """The faults that befall a request outside of a batch."""
        return self._triggers.line(digest, attempt, 0, lambda: text)

    def plan(self, number: int, lines: BatchLines, batch_faults: ActiveFaults, created_at: int) -> BatchWork:
        """Decide every line of a batch whose file was found valid."""
        index, model = lines.index, self.model
        digests = index.each_digest()
        attempts = list(map(self.attempt, digests))
        draws = self._chance.lines(digests, attempts)
        active_faults = self._faults_by_line(lines, attempts, batch_faults)
        outcomes = bytearray(len(index))
        for position in self._doubtful(index, draws, active_faults):
            active = active_faults.get(position, NONE_ACTIVE)
            outcomes[position] = outcome_of(model, index.model_request(position), draws[position], active)
        return BatchWork(number, lines, draws, bytes(outcomes), active_faults, model, created_at)

    def _doubtful(
        self, index: LineIndex, draws: Iterable[int], active_faults: Mapping[int, ActiveFaults]
    ) -> set[int]:
        """The positions of requests that may not be answered; all others are."""
        doubtful = {*active_faults, *self.model.unlucky(draws)}
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
