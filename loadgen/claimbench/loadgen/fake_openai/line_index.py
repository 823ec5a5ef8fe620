"""Reads a batch file while it arrives: finds every mistake, and keeps of each line what is needed later."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import accumulate

from claimbench.loadgen.fake_openai.canonical import DIGEST_BYTES
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.line_template import LineTemplate, LineValues, TemplateRun, template_of
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint, ModelRequest
from claimbench.loadgen.fake_openai.request_reading import context_of
from claimbench.loadgen.fake_openai.validation import (
    WRONG_URL,
    LineMistake,
    LineProblem,
    NotUtf8Error,
    ReadLine,
    duplicate,
    mismatched,
    parse_line,
    read_request,
)


@dataclass(frozen=True)
class LineIndex:
    """What is known of a file's n requests, in the file's order.

    `offsets`, `lengths`: bytes in the file. `digests`: 16 bytes each, of the canonical body. `identities`:
    hashes of custom id and body. `request_numbers` points into `model_requests`. `problems` do not depend
    on the batch.
    """

    offsets: "array[int]"
    lengths: "array[int]"
    digests: bytes
    identities: "array[int]"
    request_numbers: "array[int]"
    prompt_tokens: "array[int]"
    model_requests: tuple[ModelRequest, ...]
    problems: tuple[LineProblem, ...]
    line_numbers: "array[int]"
    parsed_lines: int

    def __len__(self) -> int:
        return len(self.offsets)

    def digest(self, position: int) -> bytes:
        """The digest of one request's canonical body."""
        return self.digests[position * DIGEST_BYTES : (position + 1) * DIGEST_BYTES]

    def each_digest(self) -> list[bytes]:
        """The digests of all requests."""
        ends = range(DIGEST_BYTES, len(self.digests) + 1, DIGEST_BYTES)
        return [self.digests[end - DIGEST_BYTES : end] for end in ends]

    def model_request(self, position: int) -> ModelRequest:
        """What one line asks of the model."""
        return self.model_requests[self.request_numbers[position]]

    @property
    def model(self) -> str | None:
        """The model that all requests name; None for an empty file."""
        return self.model_requests[0].model if self.model_requests else None

    @cached_property
    def total_prompt_tokens(self) -> int:
        """The prompt tokens of all requests together."""
        return sum(self.prompt_tokens)

    @property
    def embedding_inputs(self) -> int:
        """How many texts all requests together want embedded."""
        counts = [
            model_request.choices if model_request.endpoint == ModelEndpoint.EMBEDDINGS else 0
            for model_request in self.model_requests
        ]
        return sum(counts[number] for number in self.request_numbers) if any(counts) else 0

    def problems_for(self, endpoint: str) -> tuple[LineProblem, ...]:
        """All that a batch of this endpoint finds wrong, in the order of the lines."""
        if all(model_request.endpoint == endpoint for model_request in self.model_requests):
            return self.problems
        stray = (
            LineProblem("invalid_url", WRONG_URL, "url", self.line_numbers[position])
            for position in range(len(self))
            if self.model_request(position).endpoint != endpoint
        )
        worst = {problem.line: problem for problem in (*self.problems, *stray)}
        return tuple(sorted(worst.values(), key=lambda problem: problem.line or 0))


_TEMPLATES_MAX = 16


class LineIndexer:
    """Builds the index of a file that is fed to it piece by piece.

    Lines that fit a template are taken together, as many as come in one piece; the rest is looked at slowly.
    A run in which anything at all is wrong is looked at slowly too, so that rules stand in one place.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unfinished: list[bytes] = []
        self._is_utf8 = True
        self._offset, self._number = 0, 1
        self._offsets, self._lengths = array("Q"), array("L")
        self._digests = bytearray()
        self._identities, self._ask_numbers = array("q"), array("L")
        self._prompt_tokens, self._line_numbers = array("L"), array("L")
        self._templates: list[LineTemplate] = []
        self._asks: dict[ModelRequest, int] = {}
        self._model: str | None = None
        self._problems: list[LineProblem] = []
        self._custom_ids: set[str] = set()
        self._parsed = 0

    def index(self, pieces: Iterable[bytes]) -> LineIndex:
        """Read all pieces of a file. NotUtf8Error when it is not UTF-8."""
        for piece in pieces:
            self.feed(piece)
        return self.finish()

    def feed(self, piece: bytes) -> None:
        """Read on; of a file that is not UTF-8 no more is looked at."""
        cut = piece.rfind(b"\n") + 1
        if cut:
            self._read(b"".join([*self._unfinished, piece[:cut]]))
            self._unfinished.clear()
        if self._is_utf8 and cut < len(piece):
            self._unfinished.append(piece[cut:])

    def finish(self) -> LineIndex:
        """The index of all that was fed. NotUtf8Error when it is not UTF-8."""
        self._read(b"".join(self._unfinished))
        self._unfinished.clear()
        if not self._is_utf8:
            raise NotUtf8Error
        count, limit = len(self._offsets) + len(self._problems), self._limits.requests_per_batch
        if count > limit:
            message = f"The batch contains {count:,} requests, more than the limit of {limit:,} requests."
            self._problems.insert(0, LineProblem("too_many_tasks", message))
        return LineIndex(
            self._offsets,
            self._lengths,
            bytes(self._digests),
            self._identities,
            self._ask_numbers,
            self._prompt_tokens,
            tuple(self._asks),
            tuple(self._problems),
            self._line_numbers,
            self._parsed,
        )

    def _read(self, block: bytes) -> None:
        """Read whole lines."""
        if not self._is_utf8:
            return
        run, lines = TemplateRun(self._templates), BytesIO(block)
        try:
            while (odd := run.extend(lines)) is not None:
                self._read_run(run)
                self._read_slowly(odd)
            self._read_run(run)
        except NotUtf8Error:
            self._is_utf8 = False

    def _read_run(self, run: TemplateRun) -> None:
        """Take a run of lines in which nothing is wrong; otherwise look at each of them slowly."""
        lines, values = run.lines, run.values() if run.lines else None
        run.clear()
        if values is not None and self._is_good(values):
            self._parsed += len(lines)
            self._take(lines, values)
        else:
            for line in lines:
                self._read_slowly(line)

    def _is_good(self, values: LineValues) -> bool:
        custom_ids = set(values.custom_ids)
        return (
            len(custom_ids) == len(values.custom_ids)
            and self._custom_ids.isdisjoint(custom_ids)
            and "" not in custom_ids
            and max(values.prompt_tokens, default=0) <= context_of(self._model, self._limits.context_tokens)
        )

    def _read_slowly(self, line: bytes) -> None:
        """Check one line by all rules; a mistake is noted, and a good line may give a new template."""
        if not line.isspace():
            try:
                value = parse_line(line)
                self._parsed += 1
                read = read_request(value, self._limits)
                self._check(read)
            except LineMistake as mistake:
                found = mistake.problem
                self._problems.append(LineProblem(found.code, found.message, found.param, self._number))
            else:
                number = self._asks.setdefault(read.counted.model_request, len(self._asks))
                tokens = read.counted.prompt_tokens
                self._take([line], LineValues([read.custom_id], [number], [tokens], [read.digest]))
                self._keep_template(line, read, number)
                return
        self._offset += len(line)
        self._number += 1

    def _check(self, read: ReadLine) -> None:
        """Check a line against those before it: the first one's model is the batch's."""
        model = read.counted.model_request.model
        if self._model not in (None, model):
            raise mismatched(model)
        self._model = model
        if read.custom_id in self._custom_ids:
            raise duplicate(read.custom_id)

    def _keep_template(self, line: bytes, read: ReadLine, request_number: int) -> None:
        wanted = read.url == ModelEndpoint.CHAT and read.counted.model_request.problem is None
        if wanted and len(self._templates) < _TEMPLATES_MAX and TemplateRun(self._templates).extend([line]):
            template = template_of(line, read.request, read.counted, request_number)
            self._templates += [template] if template else []

    def _take(self, lines: Sequence[bytes], values: LineValues) -> None:
        """Note lines that follow each other and are good."""
        lengths = list(map(len, lines))
        *offsets, end = accumulate(lengths, initial=self._offset)
        self._offsets.extend(offsets)
        self._lengths.extend(lengths)
        self._line_numbers.extend(range(self._number, self._number + len(lines)))
        self._offset, self._number = end, self._number + len(lines)
        self._custom_ids.update(values.custom_ids)
        self._digests += b"".join(values.digests)
        self._identities.extend(map(hash, zip(values.custom_ids, values.digests, strict=True)))
        self._prompt_tokens.extend(values.prompt_tokens)
        self._ask_numbers.extend(values.request_numbers)
