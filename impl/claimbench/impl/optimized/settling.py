"""Outcomes written as a set: the columns of many, in one statement, with their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from claimbench.impl.lifecycle import RequestOutcome
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.sessions import driver_of
from claimbench.impl.ports import Policy, Stage, StageReport
from claimbench.impl.statuses import RequestStatus


@dataclass(frozen=True, slots=True)
class Settlement:
    """One request, the batch that it must belong to (None when it was sent alone), and its outcome."""

    request_id: int
    batch_id: int | None
    outcome: RequestOutcome


@dataclass(frozen=True, slots=True)
class Settling:
    """What the settlements of one stage have in common."""

    stage: Stage
    expected: RequestStatus
    """The state that a request must still be in; one that has moved on is left as it is."""
    policy: Policy
    now: datetime


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
            for place, settlement in enumerate(settlements):
                copy.write_row(_row(settlement, place))
    parameters = {
        "expected": settling.expected.value,
        "attempts_max": settling.policy.attempts_max,
        "now": settling.now,
    }
    counted = connection.execute(statements.SETTLE_STAGED, parameters).one()
    return StageReport(
        settling.stage,
        claimed=counted.completed + counted.failed,
        completed=counted.completed,
        failed=counted.failed,
    )


def _row(settlement: Settlement, place: int) -> tuple[object, ...]:
    outcome, answer = settlement.outcome, settlement.outcome.answer
    return (
        settlement.request_id,
        settlement.batch_id,
        outcome.status.value,
        outcome.error,
        outcome.prompt_tokens,
        outcome.completion_tokens,
        outcome.cost_usd,
        answer.sentiment,
        answer.category,
        answer.summary,
        answer.language,
        outcome.attempts_used,
        place,
    )


def settle(connection: Connection, settlements: Sequence[Settlement], settling: Settling) -> StageReport:
    """Apply all of them; where several answer for one session, the later in the sequence wins."""
    if not settlements:
        return StageReport(settling.stage)
    outcomes = [settlement.outcome for settlement in settlements]
    answers = [outcome.answer for outcome in outcomes]
    parameters = {
        "requests": [settlement.request_id for settlement in settlements],
        "batches": [settlement.batch_id for settlement in settlements],
        "statuses": [outcome.status.value for outcome in outcomes],
        "errors": [outcome.error for outcome in outcomes],
        "prompt_tokens": [outcome.prompt_tokens for outcome in outcomes],
        "completion_tokens": [outcome.completion_tokens for outcome in outcomes],
        "costs": [outcome.cost_usd for outcome in outcomes],
        "sentiments": [answer.sentiment for answer in answers],
        "categories": [answer.category for answer in answers],
        "summaries": [answer.summary for answer in answers],
        "languages": [answer.language for answer in answers],
        "attempts_used": [outcome.attempts_used for outcome in outcomes],
        "expected": settling.expected.value,
        "attempts_max": settling.policy.attempts_max,
        "now": settling.now,
    }
    counted = connection.execute(statements.SETTLE_REQUESTS, parameters).one()
    return StageReport(
        settling.stage,
        claimed=counted.completed + counted.failed,
        completed=counted.completed,
        failed=counted.failed,
    )
