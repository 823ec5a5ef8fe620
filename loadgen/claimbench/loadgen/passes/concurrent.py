"""Two passes at once, where neither changes what the other measures: one of them in a thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


@contextmanager
def concurrent(work: Callable[[], Result], stop: Callable[[], None]) -> Iterator[Future[Result]]:
    """Run `work` in a thread while the block runs; yield its future, which is done when the block has ended.

    `stop` is called when the block, or the wait for the thread at its end, ends with an exception, and should
    let `work` come to its end soon.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="concurrent") as pool:
        future = pool.submit(work)
        try:
            yield future
            wait([future])
        except BaseException:
            stop()
            raise
