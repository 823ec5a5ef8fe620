"""Where statements come from: the first frame outside libraries, for each statement that an engine sends.

Walking the stack costs some microseconds for each statement, so it is on in a counting pass only.
"""

import sys
import sysconfig
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from sqlalchemy import Engine, event

from claimbench.loadgen.probes.traced import ConnectionsHere

_LIBRARIES = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_OURSELVES = str(Path(__file__).resolve().parents[1])
"""The harness drives the arm; it is no origin. Injections, which stand for an arm, are."""
_INJECTIONS = str(Path(_OURSELVES, "gate", "injections.py"))


@dataclass(frozen=True, slots=True)
class Origin:
    """A line of the arm's code, and the statement that it sent."""

    file: str
    line: int
    function: str
    statement: str


@dataclass(frozen=True, slots=True)
class OriginCount:
    """How often a line sent a statement."""

    origin: Origin
    count: int


class OriginProbe:
    """Counts statements by the line of code that sent them. A context manager; one engine, one probe."""

    def __init__(self, connections: Engine | ConnectionsHere) -> None:
        self._engine = connections.engine
        self._counts: Counter[Origin] = Counter()
        self._lock = threading.Lock()  # arms may send from several threads

    def __enter__(self) -> Self:
        event.listen(self._engine, "before_cursor_execute", self._seen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        event.remove(self._engine, "before_cursor_execute", self._seen)

    def counts(self) -> tuple[OriginCount, ...]:
        """Every origin, the busiest first."""
        return tuple(OriginCount(origin, count) for origin, count in self._counts.most_common())

    def _seen(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        frame = first_of_the_arm(sys._getframe(1))
        if frame is not None:
            code = frame.f_code
            origin = Origin(code.co_filename, frame.f_lineno, code.co_qualname, statement)
            with self._lock:
                self._counts[origin] += 1


def first_of_the_arm(frame: FrameType | None) -> FrameType | None:
    """The innermost frame from here outwards that is neither a library's nor ours."""
    while frame is not None:
        name = frame.f_code.co_filename
        is_ours = name.startswith(_OURSELVES) and name != _INJECTIONS
        if not (name.startswith((*_LIBRARIES, "<")) or "site-packages" in name or is_ours):
            return frame
        frame = frame.f_back
    return None
