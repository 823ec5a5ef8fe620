"""An end for what hangs: after so many seconds the call is broken off, and the suite goes on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from claimbench.errors import UsageError


@contextmanager
def time_limit(seconds: float, where: str, remedy: str) -> Iterator[None]:
    """Break the block off in the main thread; elsewhere, and beside another alarm, it may take its time."""

    too_long = UsageError(f"took longer than {seconds:g} s", where=where, remedy=remedy)
    is_over = threading.Event()

    def broken_off(*_: object) -> None:
        is_over.set()
        raise too_long

    is_free = (
        threading.current_thread() is threading.main_thread() and signal.getitimer(signal.ITIMER_REAL)[0] == 0
    )
    if not is_free:
        yield
        return
    before = signal.signal(signal.SIGALRM, broken_off)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:
        if is_over.is_set():  # what was broken off may end with an error of its own
            raise too_long from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
