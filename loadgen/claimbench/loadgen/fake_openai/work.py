"""What the model does with a batch's lines: decided when the batch is created, never on a poll."""

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import orjson

from claimbench.loadgen.fake_openai.answers import VARIANTS
from claimbench.loadgen.fake_openai.asks import Ask
from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.line_index import LineIndex
from claimbench.loadgen.fake_openai.outcomes import Model, answer_tokens, answered
from claimbench.loadgen.fake_openai.replies import Asked, completion_tokens
from claimbench.loadgen.fake_openai.triggers import CALM, Occasion
from claimbench.loadgen.fake_openai.vault import Blob
from claimbench.loadgen.fake_openai.wire import JsonObject

_SUCCESS, _FAILURE, _ZERO = 0, 1, 2
_NO_STATUS = {"status_code": 0, "request_id": "", "body": {}}


@dataclass(frozen=True, slots=True)
class Tally:
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
class Lines:
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
class Work:
    """One batch's lines with the draws that decide them, by position; `occasions` are the faults of a few.

    The lines are executed, and come out, in an order of their own that `number` and the draws decide.
    """

    number: int
    lines: Lines
    draws: "array[int]"
    outcomes: bytes
    occasions: Mapping[int, Occasion]
    model: Model
    created_at: int
    rest: Rest | None = None

    def __len__(self) -> int:
        return len(self.draws)

    def stopped(self, rest: Rest) -> "Work":
        """The same work, left unfinished."""
        return replace(self, rest=rest)

    def order(self) -> list[int]:
        """The positions in the order of execution."""
        positions = list(range(len(self)))
        Random(f"{self.number} {self.draws[0] if self.draws else 0}").shuffle(positions)  # noqa: S311 (an order)
        return positions

    def tally(self) -> Tally:
        """Count what was done; linear in the lines, so it is kept by the batch."""
        done = self.order()[: self.rest.done] if self.rest else range(len(self))
        outcomes, prompt = self.outcomes, self.lines.index.prompt_tokens
        executed = [position for position in done if outcomes[position] == _SUCCESS]
        completed = len(executed) + sum(outcomes[position] == _ZERO for position in done)
        return Tally(
            completed,
            len(self) - completed,
            len(executed),
            sum([prompt[position] for position in executed]),
            self._output_tokens(executed),
        )

    def _output_tokens(self, executed: Sequence[int]) -> int:
        """The tokens of all answers; those without faults are few that come often."""
        index, draws, faulty = self.lines.index, self.draws, self.occasions
        numbers = index.ask_numbers
        plain = [place for place in executed if place not in faulty] if faulty else executed
        alike = Counter([numbers[place] * VARIANTS + draws[place] % VARIANTS for place in plain])
        tokens = sum(
            times * completion_tokens(index.asks[one // VARIANTS], one % VARIANTS)
            for one, times in alike.items()
        )
        odd = (place for place in executed if place in faulty)
        return tokens + sum(answer_tokens(self._asked(place), faulty[place]) for place in odd)

    def output_lines(self) -> Iterator[bytes]:
        """The output file: a line for each request that was answered."""
        positions = [position for position in self._done() if self.outcomes[position] == _SUCCESS]
        for position, text in zip(positions, self.lines.texts(positions), strict=True):
            body = answered(self._asked(position), self._occasion(position))
            response = {"status_code": 200, "request_id": self._request_id(position), "body": body}
            yield from self._twisted(position, self._line(position, text, response))

    def error_lines(self) -> Iterator[bytes]:
        """The error file: a line for each request that failed or was not executed."""
        positions = [position for position in self._done() if self.outcomes[position] != _SUCCESS]
        for position, text in zip(positions, self.lines.texts(positions), strict=True):
            yield from self._twisted(position, self._line(position, text, self._failed_response(position)))
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

    def _asked(self, position: int) -> Asked:
        index = self.lines.index
        return Asked(
            index.ask(position), index.prompt_tokens[position], self.draws[position], self.created_at
        )

    def _occasion(self, position: int) -> Occasion:
        return self.occasions.get(position, CALM)

    def _failed_response(self, position: int) -> JsonObject:
        if self.outcomes[position] == _ZERO:
            return _NO_STATUS
        ask = self.lines.index.ask(position)
        refusal = self.model.failure(ask, self.draws[position], self._occasion(position))
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

    def _twisted(self, position: int, line: bytes) -> Iterator[bytes]:
        occasion = self._occasion(position)
        if not occasion.faults:
            yield line
            return
        if occasion.of(FaultKind.MISSING_LINE):
            return
        if occasion.of(FaultKind.INVALID_OUTPUT_LINE):
            line = line[: len(line) // 2] + b"\n"
        yield line
        if occasion.of(FaultKind.DUPLICATED_LINE):
            yield line


def canonical_body(request: JsonObject) -> bytes:
    """The canonical body of an input line."""
    return canonical(request["body"])


def outcome_of(model: Model, ask: Ask, draw: int, occasion: Occasion) -> int:
    """How a line ends: answered, failed, or with no status at all."""
    if model.failure(ask, draw, occasion) is not None:
        return _FAILURE
    return _ZERO if occasion.faults and occasion.of(FaultKind.STATUS_CODE_ZERO) else _SUCCESS
