"""Work on several things at once, in bounded numbers, with results in the order of the work."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

TOGETHER_S = 0.002
"""Items that take less are handed to a thread together, up to this time: handing over takes 20 µs."""
TOGETHER_MAX = 64


@dataclass(frozen=True, slots=True)
class _Done(Generic[Result]):
    """What became of the items that a thread was given together, up to the one that failed."""

    results: Sequence[Result]
    error: BaseException | None
    together: int
    """So many it should be given the next time."""


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], limit: int) -> Iterator[Result]:
    """Yield `work(item)` for each item, at most `limit` at a time and as many more waiting.

    Items are taken as they are needed, so that a stream of them never has to be held in memory. Short work is
    handed over several items at a time. What is done is yielded before an error is raised, be it of the work
    or of the items. One at a time takes no thread.
    """
    if limit == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[_Done[Result]]] = deque()
    taking, together = iter(items), 1
    error: BaseException | None = None
    with ThreadPoolExecutor(max_workers=limit) as pool:
        while True:
            group, error = _taken(taking, together) if error is None else ((), error)
            if group:
                waiting.append(pool.submit(_worked, work, group))
            elif not waiting:
                break
            if len(waiting) > 2 * limit or not group:
                done = waiting.popleft().result()
                yield from done.results
                together, error = done.together, error or done.error
    if error is not None:
        raise error


def _taken(items: Iterator[Item], together: int) -> tuple[Sequence[Item], Exception | None]:
    """Some items, and what went wrong in making the one after them."""
    group: list[Item] = []
    try:
        group.extend(islice(items, together))
    except Exception as error:
        return group, error
    return group, None


def _worked(work: Callable[[Item], Result], group: Sequence[Item]) -> _Done[Result]:
    results: list[Result] = []
    error: BaseException | None = None
    begun = perf_counter()
    try:
        results.extend(map(work, group))
    except BaseException as raised:
        error = raised
    fitting = int(len(group) * TOGETHER_S / max(perf_counter() - begun, 1e-6))
    return _Done(results, error, max(1, min(fitting, 2 * len(group), TOGETHER_MAX)))


class Ahead(Generic[Item]):
    """Makes the next thing in a thread once it is told to; a context manager.

    is_parallel: otherwise there is no thread, and a thing is made when it is taken.
    """

    def __init__(self, made: Iterator[Item], *, is_parallel: bool = True) -> None:
        self._made = made
        self._pool = ThreadPoolExecutor(max_workers=1) if is_parallel else None
        self._coming: Future[Item | None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown()

    def begin(self) -> None:
        """Make the next one from now on, if it is not being made yet."""
        if self._pool and self._coming is None:
            self._coming = self._pool.submit(next, self._made, None)

    def take(self) -> Item | None:
        """The next one, or None after the last; what went wrong in making it is raised here."""
        if self._pool is None:
            return next(self._made, None)
        self.begin()
        assert self._coming  # noqa: S101 (begun)
        coming, self._coming = self._coming, None
        return coming.result()


def ahead(made: Iterator[Item]) -> Generator[Item]:
    """The same things, each made in a thread while the one before it is used; no more than one ahead."""
    with Ahead(made) as coming:
        while (item := coming.take()) is not None:
            coming.begin()
            yield item
