"""Who holds a row, and since when: what one scheduler has taken, the others leave alone for as long."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4


@dataclass(frozen=True, slots=True)
class Lease:
    """What one call of a stage writes on the rows that it takes.

    The token tells it from every other lease. A time does not: two schedulers may begin at the same one, and
    then a row that was taken from the first and came to the second would be held for its own by both.
    """

    at: datetime
    by: UUID = field(default_factory=uuid4)

    def parameters(self, length: timedelta) -> dict[str, object]:
        """What a statement needs that takes rows.

        It may take those that were taken before `stale`, as whoever did so is gone, and those that were taken
        after `wrong`, as that clock was wrong.
        """
        return {"now": self.at, "token": self.by, "stale": self.at - length, "wrong": self.at + length}
