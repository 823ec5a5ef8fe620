"""Outcomes written as a set: the rows of many, in one statement, with their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from claimbench.impl.lifecycle import RequestOutcome
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.sessions import driver_of
from claimbench.impl.ports import Policy, Stage, StageReport
from claimbench.impl.statuses import RequestStatus

Settlement = tuple[object, ...]
"""A request and its outcome, in the order of `COLUMNS`: the request's id is the first."""

COLUMNS = (
    "requests",
    "batches",
    "statuses",
    "errors",
    "prompt_tokens",
    "completion_tokens",
    "micros",
    "sentiments",
    "categories",
    "summaries",
    "languages",
    "attempts_used",
)


def settlement(request_id: int, batch_id: int | None, outcome: RequestOutcome) -> Settlement:
    """One request, the batch that it must belong to (None when it was sent alone), and its outcome."""
    answer, cost = outcome.answer, outcome.cost_usd
    return (
        request_id,
        batch_id,
        outcome.status.value,
        outcome.error,
        outcome.prompt_tokens,
        outcome.completion_tokens,
        None if cost is None else int(cost.scaleb(6)),
        answer.sentiment,
        answer.category,
        answer.summary,
        answer.language,
        outcome.attempts_used,
    )


@dataclass(frozen=True, slots=True)
class Settling:
    """What the settlements of one stage have in common."""

    stage: Stage
    expected: RequestStatus
    """The state that a request must still be in; one that has moved on is left as it is."""
    policy: Policy
    now: datetime

    @property
    def parameters(self) -> dict[str, object]:
        """What the statements need of it."""
        return {
            "expected": self.expected.value,
            "attempts_max": self.policy.attempts_max,
            "now": self.now,
        }

    def report(self, completed: int, failed: int) -> StageReport:
        """So many were written."""
        return StageReport(self.stage, claimed=completed + failed, completed=completed, failed=failed)


def settle_by_copy(
    connection: Connection, settlements: Sequence[Settlement], settling: Settling
) -> StageReport:
    """As `settle`, for thousands: they are staged in a table first. In a transaction; once in each."""
    if not settlements:
        return StageReport(settling.stage)
    driver = driver_of(connection)
    with driver.cursor() as cursor:
        cursor.execute(statements.STAGE_SETTLEMENTS)
        with cursor.copy(statements.COPY_SETTLEMENTS) as copy:
            copy.set_types(statements.SETTLEMENT_TYPES)
            for place, row in enumerate(settlements):
                copy.write_row((*row, place))
    counted = connection.execute(statements.SETTLE_STAGED, settling.parameters).one()
    return settling.report(counted.completed, counted.failed)


def settle(connection: Connection, settlements: Sequence[Settlement], settling: Settling) -> StageReport:
    """Apply all of them; where several answer for one session, the later in the sequence wins."""
    if not settlements:
        return StageReport(settling.stage)
    columns = zip(COLUMNS, map(list, zip(*settlements, strict=True)), strict=True)
    counted = connection.execute(statements.SETTLE_REQUESTS, {**dict(columns), **settling.parameters}).one()
    return settling.report(counted.completed, counted.failed)
