"""What the model does with a batch's lines: decided when the batch is created, never on a poll."""

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import orjson

from claimbench.loadgen.fake_openai.answers import VARIANTS
from claimbench.loadgen.fake_openai.blobs import Blob
from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.fake_openai.fault_injection import NONE_ACTIVE, ActiveFaults
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.fixtures import Fixture
from claimbench.loadgen.fake_openai.line_index import LineIndex
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint
from claimbench.loadgen.fake_openai.outcomes import Model, answer_tokens, answered
from claimbench.loadgen.fake_openai.replies import ReplyInput, completion_tokens, echoed, reasoning_tokens
from claimbench.loadgen.fake_openai.wire import JsonObject

SUCCESS, FAILURE, ZERO = 0, 1, 2
"""How a line ends: answered, failed, or with no status at all."""
_NO_STATUS = {"status_code": 0, "request_id": "", "body": {}}


@dataclass(frozen=True, slots=True)
class BatchTotals:
    """A batch's end in numbers: `completed` and `failed` are for the counts, `answered` the output's lines.

    Requests that were not executed, because the batch was cancelled or expired, are in none of them.
    """

    completed: int
    failed: int
    answered: int
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0


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
    """One batch's lines with the draws that decide them, by position; `active_faults` are the faults of a
    few of them, `fixtures` the answers that others have of their own.

    The lines are executed, and come out, in an order of their own that `number` and the draws decide; `mark`
    stands in the ids of their results.
    """

    number: int
    lines: BatchLines
    draws: "array[int]"
    outcomes: bytes
    active_faults: Mapping[int, ActiveFaults]
    model: Model
    created_at: int
    mark: int
    fixtures: Mapping[int, Fixture]
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
        executed = [position for position in done if outcomes[position] == SUCCESS]
        completed = len(executed) + sum(outcomes[position] == ZERO for position in done)
        return BatchTotals(
            completed,
            len(done) - completed,
            len(executed),
            sum([prompt[position] for position in executed]) + self._own_tokens(executed, "input", prompt),
            self._output_tokens(executed),
            self._reasoning_tokens(executed),
        )

    def _output_tokens(self, executed: Sequence[int]) -> int:
        """The tokens of all answers; those without faults are few that come often."""
        index, draws, faulty = self.lines.index, self.draws, self.active_faults
        numbers, own = index.request_numbers, self.fixtures
        odd = {*faulty, *own}
        plain = [place for place in executed if place not in odd] if odd else executed
        alike = Counter([numbers[place] * VARIANTS + draws[place] % VARIANTS for place in plain])
        tokens = sum(
            times * completion_tokens(index.model_requests[one // VARIANTS], one % VARIANTS)
            for one, times in alike.items()
        )
        twisted = (place for place in executed if place in faulty and place not in own)
        tokens += sum(answer_tokens(self._reply_input(place), faulty[place]) for place in twisted)
        return tokens + self._own_tokens(executed, "output", None)

    def _own_tokens(self, executed: Sequence[int], side: str, counted: "array[int] | None") -> int:
        """The tokens that fixtures tell of themselves, less those that were counted for them already."""
        total = 0
        for place in executed if self.fixtures else ():
            if own := self.fixtures.get(place):
                usage = own.usage(self._reply_input(place))
                name = {"input": "prompt_tokens", "output": "completion_tokens"}[side]
                told = usage.get(f"{side}_tokens", usage.get(name))
                already = counted[place] if counted else 0
                total += told - already if isinstance(told, int) else 0
        return total

    def _reasoning_tokens(self, executed: Sequence[int]) -> int:
        """The tokens that were thought, which a few models alone do."""
        index = self.lines.index
        if not any(one.effort for one in index.model_requests):
            return 0
        return sum(reasoning_tokens(index.model_request(place), self.draws[place]) for place in executed)

    def output_lines(self) -> Iterator[bytes]:
        """The output file: a line for each request that was answered."""
        positions = [position for position in self._done() if self.outcomes[position] == SUCCESS]
        for position, text in zip(positions, self.lines.texts(positions), strict=True):
            own, given = self.fixtures.get(position), self._reply_input(position)
            body = own.reply(given) if own else answered(given, self._active(position))
            if given.model_request.endpoint == ModelEndpoint.RESPONSES:
                body = echoed(body, orjson.loads(text)["body"]) if own is None or own.body is None else body
            response = {"status_code": 200, "request_id": self._request_id(position), "body": body}
            yield from self._distorted(position, self._line(position, text, response))

    def error_lines(self) -> Iterator[bytes]:
        """The error file: a line for each request that failed or was not executed."""
        positions = [position for position in self._done() if self.outcomes[position] != SUCCESS]
        for position, text in zip(positions, self.lines.texts(positions), strict=True):
            own = self.fixtures.get(position)
            response = None if own and own.error else self._failed_response(position)
            line = self._line(position, text, response, own.error if own else None)
            yield from self._distorted(position, line)
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
        if self.outcomes[position] == ZERO:
            return _NO_STATUS
        request_id, own = self._request_id(position), self.fixtures.get(position)
        if own:
            body = own.reply(self._reply_input(position))
            return {"status_code": own.status, "request_id": request_id, "body": body}
        model_request = self.lines.index.model_request(position)
        refusal = self.model.failure(model_request, self.draws[position], self._active(position))
        if refusal is None:
            raise AssertionError(f"line {position} has no error")
        return {"status_code": refusal.status, "request_id": request_id, "body": refusal.body()}

    def _request_id(self, position: int) -> str:
        return f"{self.draws[position]:016x}{self.mark:08x}{position:08x}"

    def _line(
        self, position: int, text: bytes, response: JsonObject | None, error: JsonObject | None = None
    ) -> bytes:
        line = {
            "id": f"batch_req_{self.mark:08x}{position:08x}{self.draws[position]:016x}",
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
