"""The trail: every change of a request's or batch's state, written by the database itself."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

TRAIL_STATEMENTS = (
    """
    CREATE TABLE claimbench_trail (
        id bigserial PRIMARY KEY, request_id bigint, batch_id bigint,
        old_status text, new_status text, old_batch_id bigint, new_batch_id bigint,
        begun_at timestamptz NOT NULL DEFAULT now(), at timestamptz
    )
    """,
    "CREATE TABLE claimbench_clock AS SELECT CAST(NULL AS timestamptz) AS at",
    """
    CREATE FUNCTION claimbench_trail_request() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO claimbench_trail (request_id, old_status, new_status, old_batch_id, new_batch_id, at)
        SELECT NEW.id, OLD.status, NEW.status, OLD.batch_id, NEW.batch_id, at FROM claimbench_clock;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION claimbench_trail_batch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO claimbench_trail (batch_id, new_status) VALUES (NEW.id, NEW.status);
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO claimbench_trail (batch_id, old_status) VALUES (OLD.id, OLD.status);
        ELSIF OLD.status <> NEW.status THEN
            INSERT INTO claimbench_trail (batch_id, old_status, new_status)
            VALUES (NEW.id, OLD.status, NEW.status);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER claimbench_trail AFTER UPDATE ON ai_processing_request FOR EACH ROW
    WHEN (OLD.status <> NEW.status OR OLD.batch_id IS DISTINCT FROM NEW.batch_id)
    EXECUTE FUNCTION claimbench_trail_request()
    """,
    """
    CREATE TRIGGER claimbench_trail AFTER INSERT OR UPDATE OR DELETE ON ai_batch_request FOR EACH ROW
    EXECUTE FUNCTION claimbench_trail_batch()
    """,
)
"""They go into databases that we made, after their rows; the last two read `OLD` and `NEW` of each row.

`begun_at` is when the transaction began that made the step. `at` is its simulated time, where the one row of
`claimbench_clock` tells it; whoever lets time pass writes it there.
"""


@dataclass(frozen=True, slots=True)
class RequestStep:
    """A request moved from one state to another, and from one batch to another."""

    request_id: int
    old_status: str
    new_status: str
    old_batch_id: int | None
    new_batch_id: int | None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchStep:
    """A batch moved; None stands for there being no row."""

    batch_id: int
    old_status: str | None
    new_status: str | None


@dataclass(frozen=True, slots=True)
class Trail:
    """All steps, in the order in which they were made."""

    requests: tuple[RequestStep, ...]
    batches: tuple[BatchStep, ...]


def read_trail(engine: Engine) -> Trail:
    """Read the trail of a database that keeps one."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT request_id, batch_id, old_status, new_status, old_batch_id, new_batch_id, at "
                "FROM claimbench_trail ORDER BY id"
            )
        ).all()
    return Trail(
        tuple(
            RequestStep(
                row.request_id, row.old_status, row.new_status, row.old_batch_id, row.new_batch_id, row.at
            )
            for row in rows
            if row.request_id is not None
        ),
        tuple(
            BatchStep(row.batch_id, row.old_status, row.new_status) for row in rows if row.request_id is None
        ),
    )
