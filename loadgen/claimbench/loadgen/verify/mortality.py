"""Schedulers that can be killed or cut off at any call of the API and at any commit."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, BinaryIO, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from claimbench.impl.ports import ApiBatch, BatchApi, Completion
from claimbench.loadgen.verify.histories import Break, BreakPlace, Harm, Moment
from claimbench.loadgen.verify.interleaving import Seat

Result = TypeVar("Result")
_LOOK_S = 0.01
"""A statement that takes longer may be waiting for another scheduler."""


class Killed(BaseException):
    """Raised in a scheduler that is killed here; no pipeline may catch it."""


@dataclass(slots=True)
class Danger:
    """Counts calls and commits of all schedulers of a history; safe in threads."""

    breaks: Sequence[Break]
    counts: dict[BreakPlace, int] = field(default_factory=lambda: dict.fromkeys(BreakPlace, 0))
    _lock: Lock = field(default_factory=Lock)

    def next_at(self, place: BreakPlace) -> Break | None:
        """What happens at the next one of its kind."""
        with self._lock:
            self.counts[place] += 1
            number = self.counts[place]
        return next((one for one in self.breaks if one.place is place and one.number == number), None)


@dataclass(slots=True)
class Life:
    """One scheduler's life: once it is over, nothing that it does has an effect any more."""

    danger: Danger
    is_over: bool = False
    was_hurt: bool = False
    seat: Seat | None = None
    """Its place among the others while they go on at once."""

    def step(self) -> None:
        """Here another scheduler may go on, where several are at work."""
        if self.seat is not None:
            self.seat.step()

    def check(self) -> None:
        """Stop here if it is over."""
        if self.is_over:
            raise Killed

    def end(self) -> None:
        """Die."""
        self.is_over = self.was_hurt = True
        raise Killed


class MortalApi:
    """A `BatchApi` each of whose calls is a point at which its scheduler may be killed."""

    def __init__(self, api: BatchApi, life: Life) -> None:
        self._api, self._life = api, life

    def upload(self, filename: str, lines: BinaryIO) -> str:
        """Upload, if it lives to see it."""
        due = self._before()
        return self._after(due, self._api.upload(filename, lines))

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        """Create, if it lives to see it."""
        due = self._before()
        return self._after(due, self._api.create_batch(input_file_id, metadata))

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        """Find, if it lives to see it."""
        due = self._before()
        return self._after(due, self._api.find_batches(keys, since))

    def retrieve(self, batch_id: str) -> ApiBatch:
        """Retrieve, if it lives to see it."""
        due = self._before()
        return self._after(due, self._api.retrieve(batch_id))

    def download(self, file_id: str) -> Iterator[bytes]:
        """Download, if it lives to see it."""
        due = self._before()
        yield from self._api.download(file_id)
        self._after(due, None)

    def file_size(self, file_id: str) -> int | None:
        """Ask for it, if it lives to see it."""
        due = self._before()
        return self._after(due, self._api.file_size(file_id))

    def complete(self, body: Mapping[str, object]) -> Completion:
        """Complete, if it lives to see it."""
        due = self._before()
        return self._after(due, self._api.complete(body))

    def _before(self) -> Break | None:
        self._life.step()
        self._life.check()
        due = self._life.danger.next_at(BreakPlace.CALL)
        if due and due.moment is Moment.BEFORE:
            self._life.end()
        return due

    def _after(self, due: Break | None, result: Result) -> Result:
        if due:
            self._life.end()
        self._life.step()
        self._life.check()
        return result


class MortalConnection(psycopg.Connection[Any]):
    """A connection each of whose commits is a point at which its scheduler may be killed or cut off."""

    life: Life | None = None

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Wait for the server; while it makes us wait for another's lock, the others go on."""
        if self.life is None or self.life.seat is None:
            return super().wait(gen, interval, timeout)
        return super().wait(_lending(gen, self.life.seat, self.pgconn.backend_pid), _LOOK_S, timeout)

    def commit(self) -> None:
        """Commit, and what happens before or after it."""
        if self.life is None or self.info.transaction_status == TransactionStatus.IDLE:
            super().commit()
            return
        life = self.life
        life.step()
        due = self._before()
        super().commit()
        self._after(due)
        life.step()

    def _before(self) -> Break | None:
        if self.life is None:
            return None
        self.life.check()
        due = self.life.danger.next_at(BreakPlace.COMMIT)
        if due and due.moment is Moment.BEFORE:
            self._break(due, self.life)
        return due

    def _after(self, due: Break | None) -> None:
        if due and self.life is not None:
            self._break(due, self.life)

    def _break(self, due: Break, life: Life) -> None:
        if due.harm is Harm.KILL:
            life.end()
        life.was_hurt = True
        self.pgconn.finish()
        raise psycopg.OperationalError("the connection was cut")


def _lending(gen: PQGen[Result], seat: Seat, server_process: int) -> Generator[Any, Any, Result]:
    """The same exchange with the server; each time that nothing has come, it is asked for what it waits."""
    was_blocked = False
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready:
                was_blocked = seat.is_blocked(server_process) or was_blocked
            wanted = gen.send(ready)
    except StopIteration as ended:
        return cast("Result", ended.value)
    finally:
        if was_blocked:
            seat.rejoin()


class MortalCursor(psycopg.Cursor[Any]):
    """A cursor whose statements are commits when the connection is in autocommit."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "MortalCursor":
        """Execute, and what happens before or after it.

        Where several schedulers go on at once, others may also go on between what it does and its commit.
        """
        connection = self.connection
        if not isinstance(connection, MortalConnection) or connection.life is None:
            super().execute(query, params, **options)
            return self
        life = connection.life
        life.check()
        if not connection.autocommit or connection.info.transaction_status != TransactionStatus.IDLE:
            super().execute(query, params, **options)
            return self
        life.step()
        due = connection._before()
        if life.seat is None:
            super().execute(query, params, **options)
        else:
            with connection.transaction():
                super().execute(query, params, **options)
                life.step()
        connection._after(due)
        life.step()
        return self
