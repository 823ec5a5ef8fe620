"""Who holds a row: since when, by whom."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4


@dataclass(frozen=True, slots=True)
class Claim:
    """What one call of a stage writes on the rows that it takes.

    The token tells it from every other claim. A time does not: two schedulers may begin at the same one, and
    then a row that was taken from the first and came to the second would be held for its own by both.
    """

    at: datetime
    by: UUID = field(default_factory=uuid4)
