"""Several schedulers at once, one of which runs at a time: at each call and commit chance says which."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from threading import Condition, Thread

_LOOK_S = 0.001


class _Going(StrEnum):
    WAITS = "waits"
    RUNS = "runs"
    BLOCKED = "blocked"
    """Another one's transaction holds what it wants; it waits inside the server."""
    ENDED = "ended"


@dataclass(eq=False, slots=True)
class Seat:
    """One of the schedulers. Its threads, if it has several, run and wait together."""

    table: "Interleaving"
    enter: Callable[[], None]
    """Called when it is its turn again."""
    going: _Going = _Going.WAITS
    server_process: int = 0
    raised: list[BaseException] = field(default_factory=list)

    def step(self) -> None:
        """Here another may go on; return when it is this one's turn again."""
        self.table.step(self)

    def is_blocked(self, server_process: int) -> bool:
        """Whether its statement waits for a lock of another: then the others go on meanwhile."""
        return self.table.lend(self, server_process)

    def rejoin(self) -> None:
        """Its statement came through after all: it waits for its turn."""
        self.table.rejoin(self)


class Interleaving:
    """Who is to run is drawn among those that can, so the same seed gives the same order.

    is_blocked: whether a process of the server waits for a lock, by its number.
    """

    def __init__(self, chance: Random, is_blocked: Callable[[int], bool]) -> None:
        self._chance, self._is_blocked = chance, is_blocked
        self._changed = Condition()
        self._seats: list[Seat] = []
        self._is_choosing = False

    def seat(self, enter: Callable[[], None]) -> Seat:
        """One more scheduler."""
        self._seats.append(Seat(self, enter))
        return self._seats[-1]

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Let each seat do its work, all at once; what one of them raises is raised when all have ended."""
        threads = [Thread(target=self._work, args=one) for one in zip(self._seats, works, strict=True)]
        for thread in threads:
            thread.start()
        with self._changed:
            self._choose()
        for thread in threads:
            thread.join()
        for seat in self._seats:
            for error in seat.raised:
                raise error

    def step(self, seat: Seat) -> None:
        """Give the turn away, maybe to the same one."""
        with self._changed:
            self._await(seat)
            seat.going = _Going.WAITS
            self._choose()
            self._await(seat)
        seat.enter()

    def lend(self, seat: Seat, server_process: int) -> bool:
        """Let the others go on if this one's statement waits for a lock."""
        with self._changed:
            if seat.going is _Going.RUNS and self._is_blocked(server_process):
                seat.going, seat.server_process = _Going.BLOCKED, server_process
                self._choose()
            return seat.going is _Going.BLOCKED

    def rejoin(self, seat: Seat) -> None:
        """Be among those that can run again."""
        with self._changed:
            seat.going = _Going.WAITS
            if not self._is_choosing and not any(other.going is _Going.RUNS for other in self._seats):
                self._choose()
            self._changed.notify_all()
            self._await(seat)
        seat.enter()

    def _work(self, seat: Seat, work: Callable[[], None]) -> None:
        with self._changed:
            self._await(seat)
        try:
            seat.enter()
            work()
        except BaseException as error:
            seat.raised.append(error)
        with self._changed:
            seat.going = _Going.ENDED
            self._choose()

    def _await(self, seat: Seat) -> None:
        self._changed.wait_for(lambda: seat.going is _Going.RUNS)

    def _choose(self) -> None:
        """Draw the next one. Whose lock has just been let go of is waited for: it can run, too."""
        self._is_choosing = True
        for seat in self._seats:
            while seat.going is _Going.BLOCKED and not self._is_blocked(seat.server_process):
                self._changed.wait(_LOOK_S)
        self._is_choosing = False
        waiting = [seat for seat in self._seats if seat.going is _Going.WAITS]
        if waiting:
            self._chance.choice(waiting).going = _Going.RUNS
        self._changed.notify_all()
