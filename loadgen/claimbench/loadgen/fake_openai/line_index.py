"""Reads a batch file while it arrives: finds every mistake, and keeps of each line what is needed later."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import accumulate

from claimbench.loadgen.fake_openai.asks import Ask, Endpoint
from claimbench.loadgen.fake_openai.canonical import DIGEST_BYTES
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.line_mold import Fillings, LineMold, MoldedRun, take_mold
from claimbench.loadgen.fake_openai.line_rules import (
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
    hashes of custom id and body. `ask_numbers` points into `asks`. `problems` do not depend on the batch.
    """

    offsets: "array[int]"
    lengths: "array[int]"
    digests: bytes
    identities: "array[int]"
    ask_numbers: "array[int]"
    prompt_tokens: "array[int]"
    asks: tuple[Ask, ...]
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

    def ask(self, position: int) -> Ask:
        """What one request asks."""
        return self.asks[self.ask_numbers[position]]

    @property
    def model(self) -> str | None:
        """The model that all requests name; None for an empty file."""
        return self.asks[0].model if self.asks else None

    @cached_property
    def total_prompt_tokens(self) -> int:
        """The prompt tokens of all requests together."""
        return sum(self.prompt_tokens)

    @property
    def embedding_inputs(self) -> int:
        """How many texts all requests together want embedded."""
        counts = [ask.choices if ask.endpoint == Endpoint.EMBEDDINGS else 0 for ask in self.asks]
        return sum(counts[number] for number in self.ask_numbers) if any(counts) else 0

    def problems_for(self, endpoint: str) -> tuple[LineProblem, ...]:
        """All that a batch of this endpoint finds wrong, in the order of the lines."""
        if all(ask.endpoint == endpoint for ask in self.asks):
            return self.problems
        stray = (
            LineProblem("invalid_url", WRONG_URL, "url", self.line_numbers[position])
            for position in range(len(self))
            if self.ask(position).endpoint != endpoint
        )
        worst = {problem.line: problem for problem in (*self.problems, *stray)}
        return tuple(sorted(worst.values(), key=lambda problem: problem.line or 0))


_MOLDS_MAX = 16


class LineIndexer:
    """Builds the index of a file that is fed to it piece by piece.

    Lines that fit a mold are taken together, as many as come in one piece; the rest is looked at slowly. A
    run of lines in which anything at all is wrong is looked at slowly too, so that rules stand in one place.
    """

    def __init__(self, limits: Limits) -> None:
        self._requests_max, self._context_tokens = limits.requests_per_batch, limits.context_tokens
        self._unfinished: list[bytes] = []
        self._is_utf8 = True
        self._offset, self._number = 0, 1
        self._offsets, self._lengths = array("Q"), array("L")
        self._digests = bytearray()
        self._identities, self._ask_numbers = array("q"), array("L")
        self._prompt_tokens, self._line_numbers = array("L"), array("L")
        self._molds: list[LineMold] = []
        self._asks: dict[Ask, int] = {}
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
        count, limit = len(self._offsets) + len(self._problems), self._requests_max
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
        run, lines = MoldedRun(self._molds), BytesIO(block)
        try:
            while (odd := run.extend(lines)) is not None:
                self._read_run(run)
                self._read_slowly(odd)
            self._read_run(run)
        except NotUtf8Error:
            self._is_utf8 = False

    def _read_run(self, run: MoldedRun) -> None:
        """Take a run of lines in which nothing is wrong; otherwise look at each of them slowly."""
        lines, filled = run.lines, run.fillings() if run.lines else None
        run.clear()
        if filled is not None and self._is_good(filled):
            self._parsed += len(lines)
            self._take(lines, filled)
        else:
            for line in lines:
                self._read_slowly(line)

    def _is_good(self, filled: Fillings) -> bool:
        custom_ids = set(filled.custom_ids)
        return (
            len(custom_ids) == len(filled.custom_ids)
            and self._custom_ids.isdisjoint(custom_ids)
            and "" not in custom_ids
            and max(filled.prompt_tokens, default=0) <= self._context_tokens
        )

    def _read_slowly(self, line: bytes) -> None:
        """Check one line by all rules; a mistake is noted, and a good line may give a new mold."""
        if not line.isspace():
            try:
                value = parse_line(line)
                self._parsed += 1
                read = read_request(value, self._context_tokens)
                self._check(read)
            except LineMistake as mistake:
                found = mistake.problem
                self._problems.append(LineProblem(found.code, found.message, found.param, self._number))
            else:
                number = self._asks.setdefault(read.asked.ask, len(self._asks))
                tokens = read.asked.prompt_tokens
                self._take([line], Fillings([read.custom_id], [number], [tokens], [read.digest]))
                self._keep_mold(line, read, number)
                return
        self._offset += len(line)
        self._number += 1

    def _check(self, read: ReadLine) -> None:
        """Check a line against those before it: the first one's model is the batch's."""
        model = read.asked.ask.model
        if self._model not in (None, model):
            raise mismatched(model)
        self._model = model
        if read.custom_id in self._custom_ids:
            raise duplicate(read.custom_id)

    def _keep_mold(self, line: bytes, read: ReadLine, ask_number: int) -> None:
        wanted = read.url == Endpoint.CHAT and read.asked.ask.problem is None
        if wanted and len(self._molds) < _MOLDS_MAX and MoldedRun(self._molds).extend([line]):
            mold = take_mold(line, read.request, read.asked, ask_number)
            self._molds += [mold] if mold else []

    def _take(self, lines: Sequence[bytes], filled: Fillings) -> None:
        """Note lines that follow each other and are good."""
        lengths = list(map(len, lines))
        *offsets, end = accumulate(lengths, initial=self._offset)
        self._offsets.extend(offsets)
        self._lengths.extend(lengths)
        self._line_numbers.extend(range(self._number, self._number + len(lines)))
        self._offset, self._number = end, self._number + len(lines)
        self._custom_ids.update(filled.custom_ids)
        self._digests += b"".join(filled.digests)
        self._identities.extend(map(hash, zip(filled.custom_ids, filled.digests, strict=True)))
        self._prompt_tokens.extend(filled.prompt_tokens)
        self._ask_numbers.extend(filled.ask_numbers)
