"""Work on several things at once, in bounded numbers, with results in the order of the work."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], limit: int) -> Iterator[Result]:
    """Yield `work(item)` for each item, at most `limit` at a time and as many more waiting.

    Items are taken as they are needed, so that a stream of them never has to be held in memory. One at a time
    takes no thread.
    """
    if limit == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=limit) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 2 * limit:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def ahead(made: Iterator[Item]) -> Generator[Item]:
    """The same things, each made in a thread while the one before it is used; no more than one ahead."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, made, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, made, None)
            yield item
