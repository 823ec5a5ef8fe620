"""Work on several things at once, in bounded numbers, with results in the order of the work."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    limit: int,
    weight: Callable[[Item], int] | None = None,
    at_most: int = 0,
) -> Iterator[Result]:
    """Yield `work(item)` for each item, at most `limit` at a time and as many more waiting.

    Where items have a weight, those under way and those done but not yet taken weigh at most `at_most`,
    unless one alone weighs more. Items are taken as they are needed, so that a stream of them never has to be
    held in memory. One at a time takes no thread.
    """
    if limit == 1:
        yield from map(work, items)
        return
    bound = at_most if weight else 2 * limit
    waiting: deque[tuple[Future[Result], int]] = deque()
    weighed = 0
    with ThreadPoolExecutor(max_workers=limit) as pool:
        for item in items:
            more = weight(item) if weight else 1
            while waiting and weighed + more > bound:
                done, less = waiting.popleft()
                weighed -= less
                yield done.result()
            waiting.append((pool.submit(work, item), more))
            weighed += more
        while waiting:
            yield waiting.popleft()[0].result()


def ahead(made: Iterator[Item]) -> Generator[Item]:
    """The same things, each made in a thread while the one before it is used; no more than one ahead."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, made, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, made, None)
            yield item
