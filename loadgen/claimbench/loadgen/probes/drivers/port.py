"""What is needed of a driver, so that all that this process sends by it can be counted."""

from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from claimbench.loadgen.probes.trace import TraceReader

Opened = Callable[[Any], None]
"""Called with each connection, after it was opened."""

Noted = Callable[[str, FrameType | None, Any], None]
"""Called with a text that is being sent, from where, and its cursor (None if the driver shows none)."""


def unnoted(_text: str, _frame: FrameType | None, _cursor: Any) -> None:
    """Who only counts wants to know nothing of a text's line."""


class Attached(Protocol):
    """What listens to one connection."""

    reader: TraceReader

    def read(self) -> None:
        """Bring the counts up to date."""

    def close(self) -> None:
        """Count what there is still to tell, and listen no more."""


class Driver(Protocol):
    """A driver of this process. Its connections can be referred to weakly."""

    module: str

    def hook(self, opened: Opened) -> None:
        """From now on tell of every connection that is opened, and of those that are open."""

    def attach(self, connection: Any, reader: TraceReader, noted: Noted) -> Attached:
        """Listen to it; what listens does not keep it alive."""

    def is_open(self, connection: Any) -> bool:
        """Whether something can still be sent by it."""

    def conninfo(self, connection: Any) -> str | None:
        """Where it leads to, as libpq reads it, with its password. None when it is the harness's own."""
