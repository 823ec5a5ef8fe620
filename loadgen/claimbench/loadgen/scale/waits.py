"""Where the time of a step goes: waiting for the database, for the API, for both at once, or for neither."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import psycopg

from claimbench.impl.ports import ApiBatch, BatchApi, Completion


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds of wall time in which some thread waited for this alone, and in which threads did for both."""

    database_s: float
    api_s: float
    both_s: float


@dataclass
class WaitProbe:
    """Counts who waits; every psycopg connection of this process is seen while the probe is on."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[str, int] = field(default_factory=lambda: {"database": 0, "api": 0})
    _spent: dict[str, float] = field(default_factory=lambda: {"database": 0.0, "api": 0.0, "both": 0.0})
    _since: float = 0.0

    @contextmanager
    def on(self) -> Iterator[None]:
        """See all waits meanwhile."""
        plain: Callable[..., Any] = psycopg.Connection.wait

        def wait(connection: Any, *arguments: Any, **options: Any) -> Any:
            with self.waiting("database"):
                return plain(connection, *arguments, **options)

        psycopg.Connection.wait = wait  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            psycopg.Connection.wait = plain  # type: ignore[method-assign]

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A thread waits for this meanwhile."""
        self._change(what, 1)
        try:
            yield
        finally:
            self._change(what, -1)

    def lap(self) -> Waited:
        """Since the previous lap; nobody waits now."""
        with self._lock:
            spent, self._spent = self._spent, dict.fromkeys(self._spent, 0.0)
        return Waited(spent["database"], spent["api"], spent["both"])

    def _change(self, what: str, by: int) -> None:
        with self._lock:
            now = time.perf_counter()
            busy = [name for name, count in self._waiting.items() if count]
            if busy:
                self._spent["both" if len(busy) == 2 else busy[0]] += now - self._since
            self._since = now
            self._waiting[what] += by


@dataclass(frozen=True, slots=True)
class WatchedApi:
    """A `BatchApi` whose calls the probe sees."""

    api: BatchApi
    probe: WaitProbe

    def upload(self, filename: str, lines: BinaryIO) -> str:
        """As the API's."""
        with self.probe.waiting("api"):
            return self.api.upload(filename, lines)

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        """As the API's."""
        with self.probe.waiting("api"):
            return self.api.create_batch(input_file_id, metadata)

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        """As the API's."""
        with self.probe.waiting("api"):
            return self.api.find_batches(keys, since)

    def retrieve(self, batch_id: str) -> ApiBatch:
        """As the API's."""
        with self.probe.waiting("api"):
            return self.api.retrieve(batch_id)

    def download(self, file_id: str) -> Iterator[bytes]:
        """As the API's; what is done with a line is not its time."""
        lines = self.api.download(file_id)
        while True:
            with self.probe.waiting("api"):
                line = next(lines, None)
            if line is None:
                return
            yield line

    def file_size(self, file_id: str) -> int | None:
        """As the API's."""
        with self.probe.waiting("api"):
            return self.api.file_size(file_id)

    def complete(self, body: Mapping[str, object]) -> Completion:
        """As the API's."""
        with self.probe.waiting("api"):
            return self.api.complete(body)
