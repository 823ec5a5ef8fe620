"""What is due becomes batches inside the server: the client sees batches, never the rows that wait.

The rules are those of `claimbench.impl.batching`, as SQL for whole queues; a test holds both to one table.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

from claimbench.impl.batching import BACK_OFF_CODES, remembered_since
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import NO_MESSAGES
from claimbench.impl.optimized.statements import is_status
from claimbench.impl.optimized.strategies import Writing
from claimbench.impl.ports import Policy
from claimbench.impl.statuses import ACCEPTED_BATCHES

REQUESTS_AT_A_TIME = 10_000
"""Requests that one transaction may claim, unless a single batch is larger."""

_DROP_PLAN = text("DROP TABLE pg_temp.batch_plan")

_PLAN = text("""
    CREATE TEMP TABLE batch_plan AS
    WITH refused AS MATERIALIZED (
        SELECT model, count(DISTINCT completed_at) AS refusals, max(completed_at) AS last_at
        FROM ai_batch_request AS refusal
        WHERE split_part(error, ':', 1) = ANY (CAST(:back_off_codes AS text[]))
          AND completed_at >= :remembered_since
          AND NOT EXISTS (
              SELECT FROM ai_batch_request AS later
              WHERE later.model = refusal.model AND later.created_at > refusal.completed_at
                AND coalesce(later.outcome, later.status) = ANY (CAST(:accepted AS text[]))
          )
        GROUP BY model
    ), waiting AS (
        SELECT request.id, session.company_id, request.model, request.requested_at,
               EXISTS (SELECT FROM message WHERE message.session_id = request.session_id) AS speaks
        FROM ai_processing_request AS request JOIN session ON session.id = request.session_id
        WHERE request.status = 'PENDING_BATCHING' AND session.company_id = ANY (CAST(:companies AS bigint[]))
    ), placed AS (
        SELECT id, company_id, model, row_number() OVER oldest_first - 1 AS place,
               count(*) OVER (PARTITION BY company_id, model) AS waiting,
               first_value(requested_at) OVER oldest_first AS oldest
        FROM waiting WHERE speaks
        WINDOW oldest_first AS (PARTITION BY company_id, model ORDER BY requested_at, id)
    ), sized AS (
        SELECT placed.*,
               CASE WHEN refusals IS NULL THEN :requests_per_batch_max
                    ELSE greatest(1, least(:requests_per_batch_max, waiting) >> halvings) END AS size,
               (waiting >= :requests_per_batch_min
                OR greatest(:now - oldest, oldest - :now) >= :pending_age_max)
               AND NOT coalesce(:now - last_at >= interval '0' AND :now - last_at
                                < least(:back_off_min * (1 << halvings), :back_off_max), false) AS is_due
        FROM placed
        LEFT JOIN (SELECT *, CAST(least(refusals - 1, 10) AS int) AS halvings FROM refused) AS refused
             USING (model)
    ), heads AS (
        SELECT company_id, model, oldest, place / size AS turn,
               row_number() OVER (PARTITION BY company_id ORDER BY model COLLATE "C", place) AS of_company
        FROM sized WHERE is_due AND place % size = 0
    ), numbered AS (
        SELECT company_id, model, turn, row_number() OVER (ORDER BY of_company, oldest, company_id) AS batch
        FROM heads
    )
    SELECT CAST(batch AS int) AS batch, company_id, model, id
    FROM sized JOIN numbered USING (company_id, model) WHERE is_due AND place / size = turn
    UNION ALL SELECT 0, NULL, NULL, id FROM waiting WHERE NOT speaks
    UNION ALL SELECT -1, NULL, NULL, count(*) FROM sized WHERE NOT is_due
""")
"""One row for each request of a batch; batch 0 has nothing to ask; the row of -1 has for its id how many are
not due. Every company's first batch comes before any company's second one, and of these the oldest."""

_CHUNKS = text("""
    WITH given_up AS (
        UPDATE ai_processing_request SET status = 'PROCESSING_ABANDONED', error = :error, completed_at = :now
        WHERE id IN (SELECT request.id
                     FROM batch_plan JOIN ai_processing_request AS request ON request.id = batch_plan.id
                     WHERE batch = 0 AND request.status = 'PENDING_BATCHING'
                     FOR UPDATE OF request SKIP LOCKED)
        RETURNING 1
    ), batches AS (SELECT batch, count(*) AS requests FROM batch_plan WHERE batch > 0 GROUP BY batch
    ), chunked AS (
        SELECT batch, requests, CAST(sum(requests) OVER (ORDER BY batch) - 1 AS bigint)
               / greatest(1, :at_a_time - max(requests) OVER ()) AS chunk FROM batches
    )
    SELECT min(batch) AS low, max(batch) AS high, CAST(sum(requests) AS bigint) AS requests
    FROM chunked GROUP BY chunk
    UNION ALL SELECT 0, 0, count(*) FROM given_up
    UNION ALL SELECT -1, -1, id FROM batch_plan WHERE batch = -1
    ORDER BY 1
""")
"""Give up on what has nothing to ask, and cut the plan into chunks of whole batches.

A new chunk begins before the running sum of requests exceeds the limit.
"""

_CLAIM = text(f"""
    WITH mine AS MATERIALIZED (
        SELECT request.id, request.attempts, request.requested_at, batch_plan.batch
        FROM batch_plan JOIN ai_processing_request AS request ON request.id = batch_plan.id
        WHERE batch_plan.batch BETWEEN :low AND :high AND {is_status("request.status", "'PENDING_BATCHING'")}
        FOR UPDATE OF request SKIP LOCKED
    ), planned AS (
        SELECT batch, company_id, model, count(*) AS requests
        FROM batch_plan WHERE batch BETWEEN :low AND :high GROUP BY batch, company_id, model
    ), kept AS (
        SELECT batch, count(*) AS requests, min(requested_at) AS oldest,
               string_agg(id || ':' || attempts, ',' ORDER BY requested_at, id) AS members
        FROM mine GROUP BY batch
    ), due AS MATERIALIZED (
        SELECT batch, company_id, model, kept.requests,
               left(encode(sha256(convert_to(:stamp || ',' || members, 'UTF8')), 'hex'), 32) AS key
        FROM kept JOIN planned USING (batch)
        WHERE kept.requests = planned.requests OR kept.requests >= :requests_per_batch_min
            OR greatest(:now - oldest, oldest - :now) >= :pending_age_max
    ), made AS (
        INSERT INTO ai_batch_request
            (company_id, model, key, status, created_at, claimed_at, claimed_by, openai_created_at)
        SELECT company_id, model, key, 'UPLOADING', :now, :now, :token,
               (SELECT max(openai_created_at)
                FROM (SELECT openai_created_at FROM ai_batch_request ORDER BY id DESC LIMIT 100) AS latest)
        FROM due ORDER BY batch RETURNING id, key
    ), claimed AS (
        UPDATE ai_processing_request AS request
        SET status = 'BATCHING_IN_PROGRESS', batch_id = made.id, attempts = request.attempts + 1,
            claimed_at = :now, claimed_by = :token
        FROM mine JOIN due USING (batch) JOIN made USING (key) WHERE request.id = mine.id
    )
    SELECT made.id, due.requests FROM made JOIN due USING (key) ORDER BY made.id
""")  # noqa: S608 (our own fragments)
"""Store the batches of a chunk and give them their requests.

Rows are locked as they come; sorting, for the key, happens above. A batch that others have thinned out since
the plan is made only if what is left is still due; its key is that of what was really locked.
Who looks for a batch at the API later need not look at those that the API was known to have before.
"""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some batches of a plan, by their first and last number, and how many requests they have."""

    low: int
    high: int
    requests: int


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A batch that is stored, with its requests."""

    id: int
    requests: int


@dataclass(frozen=True, slots=True)
class CreationPlan:
    """What is due, as it stands in a table of its own on the server."""

    chunks: tuple[Chunk, ...]
    silent: int
    waiting: int
    """How many requests are not due yet."""


class BatchPlanner:
    """Plans and claims over one connection, in autocommit, on which the plan is kept."""

    def __init__(self, connection: Connection, policy: Policy, lease: Lease, writing: Writing) -> None:
        self._connection = connection
        self._values = {
            **asdict(policy),
            "now": lease.at,
            "stamp": lease.at.isoformat(),
            "token": lease.by,
            "error": NO_MESSAGES,
            "at_a_time": REQUESTS_AT_A_TIME if writing is Writing.SETS else 1,
            "back_off_codes": sorted(BACK_OFF_CODES),
            "accepted": [status.value for status in ACCEPTED_BATCHES],
            "remembered_since": remembered_since(policy, lease.at),
        }

    def plan(self, companies: Sequence[int]) -> CreationPlan:
        """Plan everything that waits; give up on what has nothing to ask."""
        planned = self._connection.execute(_PLAN, {**self._values, "companies": list(companies)}).rowcount
        if planned > REQUESTS_AT_A_TIME:
            self._connection.execute(text("CREATE INDEX ON batch_plan (batch)"))
            self._connection.execute(text("ANALYZE batch_plan"))
        rows = [Chunk(*row) for row in self._connection.execute(_CHUNKS, self._values)]
        counts = {row.low: row.requests for row in rows}
        return CreationPlan(tuple(row for row in rows if row.low > 0), counts.get(0, 0), counts.get(-1, 0))

    def claim(self, chunk: Chunk) -> tuple[ClaimedBatch, ...]:
        """Store the batches of a chunk, committed: a crash leaves them to the next run, by the lease."""
        values = {**self._values, "low": chunk.low, "high": chunk.high}
        return tuple(ClaimedBatch(*row) for row in self._connection.execute(_CLAIM, values))

    def drop(self) -> None:
        """Forget the plan."""
        self._connection.execute(_DROP_PLAN)
