"""What a verb tells: lines as they are, and while it works a live line on a terminal or plain lines in CI."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.status import Status

from claimbench.reports.wording import log_line, printable


def say(text: str, console: Console | None = None) -> None:
    """Print a line as it is: without markup, highlighting or breaks, and as no command to a CI runner."""
    (console or Console()).print(log_line(printable(text)), markup=False, highlight=False, soft_wrap=True)


class Progress:
    """One line for each step, with the seconds since the start; on a terminal the present one moves."""

    def __init__(self, console: Console, status: Status | None = None) -> None:
        self._console, self._status = console, status
        self._started = time.monotonic()
        self._present: dict[int, tuple[str, float]] = {}

    def step(self, what: str) -> None:
        """This is being done now."""
        began = time.monotonic()
        self._present[threading.get_ident()] = (what, began)
        elapsed = f"{began - self._started:5.1f} s"
        if self._status is None:
            say(f"[{elapsed}] {what}", self._console)
        else:
            self._status.update(f"{elapsed}  {what}")

    def left(self) -> None:
        """What each thread was doing was left before its end: say what, and for how long it had been done."""
        for what, began in self._present.values():
            self.note(f"left after {time.monotonic() - began:.1f} s: {what}")

    def note(self, what: str) -> None:
        """This stays to be read: a choice that was made, an instrument's reading."""
        say(what, self._console)


@contextmanager
def shown_progress(console: Console) -> Iterator[Progress]:
    """Progress on this console, live when it is a terminal; at a signal it says what was being done."""
    with nullcontext() if not console.is_terminal else console.status("starting") as status:
        progress = Progress(console, status)
        try:
            yield progress
        except (KeyboardInterrupt, SystemExit):
            progress.left()
            raise
