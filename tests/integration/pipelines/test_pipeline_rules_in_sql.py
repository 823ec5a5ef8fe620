"""Rules that SQL repeats for whole sets: each is held, with the rule in Python, to one table."""

from datetime import UTC, datetime, timedelta

import pytest
from pipeline_fixtures import OpenScene
from sqlalchemy import text

from claimbench.impl.batching import BackOff, PendingRequest, plan_batches
from claimbench.impl.lifecycle import OutcomeColumns, RequestOutcome, after_attempts, attempts_after
from claimbench.impl.ports import Policy
from claimbench.impl.prompts import TRANSCRIPT_SQL, Utterance, transcript
from claimbench.impl.statuses import RequestStatus

COMPLETE, FAILED = RequestStatus.PROCESSING_COMPLETE, RequestStatus.PROCESSING_FAILED
PENDING, ABANDONED = RequestStatus.PENDING_BATCHING, RequestStatus.PROCESSING_ABANDONED
ATTEMPTS_MAX = 3


@pytest.mark.parametrize(
    ("outcome", "used", "attempts", "expected"),
    [
        (COMPLETE, 1, 1, (COMPLETE, 1, True, True)),
        (COMPLETE, 1, 3, (COMPLETE, 3, True, True)),
        (FAILED, 1, 2, (FAILED, 2, True, False)),
        (FAILED, 1, 3, (ABANDONED, 3, True, True)),
        (FAILED, 0, 3, (FAILED, 2, True, False)),
        (FAILED, 0, 0, (FAILED, 0, True, False)),
        (FAILED, 0, 4, (ABANDONED, 3, True, True)),
        (PENDING, 1, 2, (PENDING, 2, False, False)),
        (PENDING, 1, 3, (ABANDONED, 3, True, True)),
        (PENDING, 0, 3, (PENDING, 2, False, False)),
        (ABANDONED, 1, 1, (ABANDONED, 1, True, True)),
    ],
)
def test_the_attempts_rule_is_the_same_in_python_and_in_sql(
    open_scene: OpenScene,
    outcome: RequestStatus,
    used: int,
    attempts: int,
    expected: tuple[RequestStatus, int, bool, bool],
) -> None:
    """Expected: the status, the attempts, whether it stays in its batch, and whether it has ended."""
    counted = attempts_after(attempts, RequestOutcome(outcome, attempts_used=used))
    columns = OutcomeColumns.after("outcome")
    statement = text(
        f"""SELECT {columns.status}, {columns.attempts}, ({columns.batch_id}) IS NOT NULL,
                   ({columns.completed_at}) IS NOT NULL
            FROM (SELECT CAST(:attempts AS int) AS attempts, 7 AS batch_id,
                         CAST(NULL AS timestamptz) AS completed_at) AS request,
                 (SELECT CAST(:status AS text) AS status, CAST(:used AS int) AS attempts_used) AS outcome"""
    )
    values = {
        "attempts": attempts,
        "status": outcome.value,
        "used": used,
        "attempts_max": ATTEMPTS_MAX,
        "now": datetime(2026, 1, 1, tzinfo=UTC),
    }
    with open_scene().engine.connect() as connection:
        in_sql = connection.execute(statement, values).one()

    assert (after_attempts(outcome, counted, ATTEMPTS_MAX), counted) == expected[:2]
    assert tuple(in_sql) == expected


def test_a_transcript_is_the_same_in_python_and_in_sql(open_scene: OpenScene) -> None:
    said = [("user", "Hello\nthere"), ("assistant", None), ("user", ""), ("system", "ü \\n %s {x}")]
    scene = open_scene()
    [(session_id,)] = scene.rows("SELECT min(id) FROM session")
    scene.change("DELETE FROM message WHERE session_id = :id", id=session_id)
    for position, (role, content) in reversed(list(enumerate(said))):
        scene.change(
            "INSERT INTO message (session_id, position, role, content) "
            "VALUES (:id, :position, :role, :content)",
            id=session_id,
            position=position,
            role=role,
            content=content,
        )

    [(in_sql,)] = scene.rows(
        f"""SELECT transcript.content FROM (SELECT {session_id} AS session_id) AS request {TRANSCRIPT_SQL}"""
    )

    assert in_sql == transcript(Utterance(role, content) for role, content in said)
    assert in_sql == "user: Hello\nthere\nassistant: \nuser: \nsystem: ü \\n %s {x}"


MODEL = "gpt-4o-mini"


@pytest.mark.parametrize(
    ("policy", "refused_minutes_ago"),
    [
        (Policy(), ()),
        (Policy(requests_per_batch_max=3), ()),
        (Policy(requests_per_batch_max=4, requests_per_batch_min=1), (45, 15)),
        (Policy(requests_per_batch_min=1), (3,)),
        (Policy(requests_per_batch_min=10**6, pending_age_max=timedelta(minutes=10)), ()),
    ],
    ids=[
        "as it is",
        "small batches",
        "half as many after two refusals",
        "a model that waits",
        "old ones only",
    ],
)
def test_the_plan_is_the_same_in_python_and_in_sql(
    open_scene: OpenScene, policy: Policy, refused_minutes_ago: tuple[int, ...]
) -> None:
    scene = open_scene(policy=policy)
    now = scene.clock.now()
    scene.change(
        "DELETE FROM ai_batch_request WHERE id NOT IN (SELECT batch_id FROM ai_processing_request"
        " WHERE batch_id IS NOT NULL)"
    )
    [(before,)] = scene.rows("SELECT coalesce(max(id), 0) FROM ai_batch_request")
    times = [now - timedelta(minutes=minutes) for minutes in refused_minutes_ago]
    for number, at in enumerate(times):
        scene.change(
            """INSERT INTO ai_batch_request
                   (company_id, model, key, status, outcome, error, created_at, completed_at)
               SELECT min(id), :model, :key, 'PROCESSED', 'FAILED', 'token_limit_exceeded: full', :at, :at
               FROM company""",
            model=MODEL,
            key=f"refused-{number}",
            at=at,
        )
    back_off = BackOff(len(times), max(times)) if times else None
    pending = [
        PendingRequest(*row, back_off=back_off if row[2] == MODEL else None)
        for row in scene.rows(
            """SELECT request.id, company_id, model, requested_at, attempts
               FROM ai_processing_request AS request JOIN session ON session.id = session_id
               JOIN company ON company.id = company_id
               WHERE request.status = 'PENDING_BATCHING' AND company.status = 'ACTIVE'"""
        )
    ]
    scene.pipeline("optimized").create_batches(now)
    made = scene.rows(
        "SELECT company_id, model, key FROM ai_batch_request WHERE id > :before AND key NOT LIKE 'refused-%'",
        before=before,
    )
    planned = [(batch.company_id, batch.model, batch.key) for batch in plan_batches(pending, policy, now)]

    assert sorted(map(tuple, made)) == sorted(planned)
    assert planned
