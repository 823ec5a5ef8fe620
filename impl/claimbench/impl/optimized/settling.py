"""Outcomes written as a set: the columns of many, in one statement, with their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from claimbench.impl.lifecycle import RequestOutcome
from claimbench.impl.optimized import statements
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
