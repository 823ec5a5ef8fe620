"""Statements, as the application sends them.

A statement is a text sent once: consecutive executions of one text within one round trip (executemany)
are one statement. Transaction control and the driver's prepared statements are not counted.
"""

from collections import Counter
from dataclasses import dataclass, field

from claimbench.loadgen.probes.reading import Reading, Unit
from claimbench.loadgen.probes.sql_shape import Kind, Shape, shapes

_UNCOUNTED = (Kind.TRANSACTION, Kind.HOUSEKEEPING)


@dataclass(frozen=True, slots=True)
class StatementCount:
    """A statement of a text, what it is, and how often it was sent since the previous lap."""

    text: str
    shape: Shape
    count: int


@dataclass(slots=True)
class StatementTally:
    """Counts what is sent; an empty text is nothing, a text of several statements is each of them."""

    _texts: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    """Executions of statements that were prepared before the probe could see them."""

    rows_added: int = 0
    """Rows that INSERT and COPY IN said to have added since the previous lap."""

    def add(self, text: str | None, times: int = 1) -> None:
        """Count sendings of a text; None when the text is not known."""
        if text is None:
            self.unknown += times
        else:
            self._texts[text] += times

    def counts(self) -> tuple[StatementCount, ...]:
        """Every counted statement, most often sent first, then by text."""
        ordered = sorted(self._texts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(
            StatementCount(text, shape, count)
            for text, count in ordered
            for shape in shapes(text)
            if shape.kind not in _UNCOUNTED
        )

    def texts(self) -> Counter[str]:
        """Every text that was sent since the previous lap, transaction control too, and how often."""
        return Counter(self._texts)

    def lap(self) -> tuple[Reading, ...]:
        """`statements` since the previous lap."""
        statements = sum(each.count for each in self.counts())
        readings = (Reading("statements", Unit.COUNT, statements + self.unknown),)
        self._texts.clear()
        self.unknown = self.rows_added = 0
        return readings
