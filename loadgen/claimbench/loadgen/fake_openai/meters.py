"""The fake's own meters: what was called, how much went over the line, and which work was submitted."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from threading import Lock
from typing import Protocol

from claimbench.loadgen.fake_openai.blobs import Blob, BlobFolder, BlobWriter
from claimbench.loadgen.fake_openai.work import BatchLines, canonical_body


class ModelCallKind(StrEnum):
    """The two ways in which work is submitted."""

    BATCH = "batch"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request that the model was given: its custom id (None for a chat) and canonical body."""

    channel: ModelCallKind
    custom_id: str | None
    body: bytes


class ModelCalls(Protocol):
    """All submissions, to be iterated (as often as wanted) until the fake is closed; `len` costs nothing.

    They are a multiset: the order is that of arrival, and `Counter(submitted)` compares two of them.
    """

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[ModelCall]: ...


@dataclass(frozen=True, slots=True)
class StoredModelCalls:
    """The submissions of a fake in this process, read from its files."""

    batches: tuple[BatchLines, ...] = ()
    chats: Blob | None = None
    chat_count: int = 0

    def __len__(self) -> int:
        return self.chat_count + sum(len(lines.index) for lines in self.batches)

    def __iter__(self) -> Iterator[ModelCall]:
        for lines in self.batches:
            if not lines.content.is_there:
                continue  # beyond what a server stores, old files go
            for request in lines.requests():
                yield ModelCall(ModelCallKind.BATCH, request["custom_id"], canonical_body(request))
        if self.chats is not None:
            with self.chats.open() as bodies:
                for body in islice(bodies, self.chat_count):
                    yield ModelCall(ModelCallKind.CHAT, None, body.rstrip(b"\n"))


@dataclass(frozen=True)
class Meters:
    """A reading. Mappings are by call, as the client names it: `batches.retrieve`, `files.content`, ….

    `bytes_in` and `bytes_out` count bodies. `duplicates` are requests (custom id and body) that a batch
    brought although an earlier batch, or the same file once more, had brought them already.
    """

    calls: Mapping[str, int]
    bytes_in: Mapping[str, int]
    bytes_out: Mapping[str, int]
    in_flight: int
    in_flight_max: int
    submitted: ModelCalls
    duplicates: int

    @property
    def total_calls(self) -> int:
        """Calls of all kinds."""
        return sum(self.calls.values())


class MeterBook:
    """Counts; safe in threads."""

    def __init__(self, folder: BlobFolder) -> None:
        self._folder = folder
        self._lock = Lock()
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Start again from zero; what is in flight stays so."""
        with self._lock:
            self._calls: Counter[str] = Counter()
            self._bytes_in: Counter[str] = Counter()
            self._bytes_out: Counter[str] = Counter()
            self._in_flight_max = self._in_flight
            self._batches: list[BatchLines] = []
            self._identities: set[int] = set()
            self._duplicates = 0
            self._chats: BlobWriter | None = None
            self._chat_count = 0

    @contextmanager
    def flight(self) -> Iterator[None]:
        """A call on its way, from its arrival to the end of its response."""
        with self._lock:
            self._in_flight += 1
            self._in_flight_max = max(self._in_flight_max, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def count(self, call: str, bytes_in: int, bytes_out: int) -> None:
        """Count one call and its bodies."""
        with self._lock:
            self._calls[call] += 1
            self._bytes_in[call] += bytes_in
            self._bytes_out[call] += bytes_out

    def batch(self, lines: BatchLines) -> None:
        """Note the requests of a batch that goes to the model."""
        with self._lock:
            self._batches.append(lines)
            self._duplicates += _add_all(self._identities, lines.index.identities)

    def chat(self, body: bytes) -> None:
        """Note one canonical body that goes to the model alone."""
        with self._lock:
            if self._chats is None:
                self._chats = self._folder.writer()
            self._chats.write(body + b"\n")
            self._chat_count += 1

    def read(self) -> Meters:
        """The present reading."""
        with self._lock:
            return Meters(
                dict(self._calls),
                dict(self._bytes_in),
                dict(self._bytes_out),
                self._in_flight,
                self._in_flight_max,
                self._submitted(),
                self._duplicates,
            )

    def _submitted(self) -> StoredModelCalls:
        chats = self._chats.so_far() if self._chats else None
        return StoredModelCalls(tuple(self._batches), chats, self._chat_count)


def _add_all(known: set[int], identities: Collection[int]) -> int:
    before = len(known)
    known.update(identities)
    return len(identities) - (len(known) - before)
