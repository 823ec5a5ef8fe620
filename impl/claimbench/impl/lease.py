"""Who holds a row, and since when: what one scheduler has taken, the others leave alone for as long."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

LOCK_NUMBER_SQL = "hashtextextended(CAST({token} AS text), 0)"
"""The number of the advisory lock by which a stage shows that it lives, from its lease's token."""


def holder_is_gone(claimed_by: str) -> str:
    """SQL: whether no living stage holds the lease whose token this expression is.

    Who finds so keeps the number, shared, until its transaction ends: a stage that begins to show itself only
    now waits for that, and then sees that the row is another's.
    """
    number = LOCK_NUMBER_SQL.format(token=claimed_by)
    return f"({claimed_by} IS NULL OR pg_try_advisory_xact_lock_shared({number}))"


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
