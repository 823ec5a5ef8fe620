"""Statements and look-ups, as the application sends them.

A statement is a text sent once: consecutive executions of one text within one round trip (executemany)
are one statement. Transaction control and the driver's prepared statements are not counted. A look-up
brings back rows that its driving table gave, see `sql_shape`. Of companies every one counts; of requests and
batches those that look for rows of a status, not those that fetch rows whose ids are known. Which of the
request look-ups it is depends on the stage that made it:

| metric | driven by | belongs to the stage |
|---|---|---|
| `company_lookups` | `company` | any |
| `pending_lookups` | `ai_processing_request` | create batches |
| `failed_lookups` | `ai_processing_request` | retry failed |
| `status_lookups` | `ai_batch_request` | check statuses |

A lap therefore reports `pending_lookups` and `failed_lookups` alike; the caller keeps the one of its stage.
"""

from collections import Counter
from dataclasses import dataclass, field

from claimbench.loadgen.probes.reading import Reading, Unit
from claimbench.loadgen.probes.sql_shape import Kind, Shape, shapes

_UNCOUNTED = (Kind.TRANSACTION, Kind.HOUSEKEEPING)

LOOKUP_TABLES = (
    ("company_lookups", "company"),
    ("pending_lookups", "ai_processing_request"),
    ("status_lookups", "ai_batch_request"),
    ("failed_lookups", "ai_processing_request"),
)


@dataclass(frozen=True, slots=True)
class StatementCount:
    """A text, what it is, and how often it was sent since the previous lap."""

    text: str
    kind: Kind
    table: str | None
    count: int


@dataclass(slots=True)
class StatementTally:
    """Counts what is sent; an empty text is nothing, a text of several statements is each of them."""

    _texts: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    """Executions of statements that were prepared before the probe could see them."""

    def add(self, text: str | None) -> None:
        """Count one sending of a text; None when the text is not known."""
        if text is None:
            self.unknown += 1
        else:
            self._texts[text] += 1

    def counts(self) -> tuple[StatementCount, ...]:
        """Every counted statement, most often sent first, then by text."""
        ordered = sorted(self._texts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(
            StatementCount(text, shape.kind, shape.table, count)
            for text, count in ordered
            for shape in shapes(text)
            if shape.kind not in _UNCOUNTED
        )

    def lap(self) -> tuple[Reading, ...]:
        """`statements` and the four look-ups since the previous lap."""
        sent = [(shape, count) for text, count in self._texts.items() for shape in shapes(text)]
        statements = sum(count for shape, count in sent if shape.kind not in _UNCOUNTED)
        readings = (
            Reading("statements", Unit.COUNT, statements + self.unknown),
            *(
                Reading(metric, Unit.COUNT, sum(count for shape, count in sent if _looks_up(shape, table)))
                for metric, table in LOOKUP_TABLES
            ),
        )
        self._texts.clear()
        self.unknown = 0
        return readings


def _looks_up(shape: Shape, table: str) -> bool:
    if table == "company":
        return shape.is_lookup and shape.table == table
    return shape.is_lookup and table in shape.searched
