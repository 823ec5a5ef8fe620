"""Leave in order when told to: Ctrl-C and SIGTERM unwind the stack, and everything is cleaned up.

A library that is interrupted while it cleans up may raise an error of its own instead, which somebody then
catches. So it is remembered that we were told, and said again.
"""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_USUAL: dict[signal.Signals, signal.Handlers | Callable[[int, FrameType | None], Any]] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
_told: list[int] = []


@contextmanager
def unwound_when_told() -> Iterator[None]:
    """While open, SIGINT raises KeyboardInterrupt and SIGTERM SystemExit(143) in the main thread.

    Whatever became of it in between, it is raised at the end. A handler of somebody else's is kept.
    """
    in_main = threading.current_thread() is threading.main_thread()
    ours = [number for number, usual in _USUAL.items() if in_main and signal.getsignal(number) is usual]
    for number in ours:
        signal.signal(number, _leave)
    try:
        yield
        leave_if_told()
    except Exception:
        leave_if_told()
        raise
    finally:
        for number in ours:
            signal.signal(number, _USUAL[number])
        if ours:
            _told.clear()


def ignore_interrupts() -> None:
    """We leave already, and have something to write before: a second Ctrl-C must not keep us from it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave_if_told() -> None:
    """Raise again what a signal has raised, for somebody may have caught it."""
    if _told:
        raise _end(_told[0])


def _leave(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_IGN)  # a second one must not cut the cleaning short
    logging.disable()  # what is torn down now may complain
    _told.append(number)
    raise _end(number)


def _end(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
