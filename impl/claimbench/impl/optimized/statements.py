"""The statements of the optimized pipeline, by name: each does one job for all companies at once.

Parameters are arrays, so a statement's text is the same for one company and for ten thousand.
"""

from sqlalchemy import text

from claimbench.impl.lease import holder_is_gone
from claimbench.impl.lifecycle import OutcomeColumns
from claimbench.impl.prompts import TRANSCRIPT_SQL

_SETTLED, _ENDED = OutcomeColumns.after("settled"), OutcomeColumns.after("ended")


def is_status(column: str, status: str) -> str:
    """A guard that the planner takes to hold for half of the rows.

    What the statistics say of a status is old: a claim has just changed it for thousands. By them the planner
    expects one row, reads all that there are, and joins each with all that is staged.
    """
    return f"CASE WHEN {column} = {status} THEN true ELSE false END"


CLAIM_INTERRUPTED_UPLOADS = text(f"""
    WITH free AS MATERIALIZED (
        SELECT id, claimed_by IS NOT NULL AS was_sent FROM ai_batch_request
        WHERE status = 'UPLOADING' AND company_id = ANY (CAST(:companies AS bigint[]))
          AND (claimed_at IS NULL OR claimed_at <= :stale OR claimed_at > :wrong)
          AND {holder_is_gone("claimed_by")}
        FOR UPDATE SKIP LOCKED
    )
    UPDATE ai_batch_request SET claimed_at = :now, claimed_by = :token FROM free
    WHERE ai_batch_request.id = free.id
    RETURNING ai_batch_request.id, key,
        (SELECT count(*) FROM ai_processing_request WHERE batch_id = ai_batch_request.id) AS requests,
        openai_created_at AS since, was_sent
""")  # noqa: S608 (our own fragments)
"""Take over batches whose submission an earlier run did not finish; nobody's own was never handed over."""

SPLIT_BATCHES = text("""
    WITH part AS (
        INSERT INTO ai_batch_request
            (company_id, model, key, status, created_at, claimed_at, claimed_by, openai_created_at)
        SELECT company_id, model, part.key, 'UPLOADING', :now, :now, :token, whole.openai_created_at
        FROM unnest(CAST(:parents AS bigint[]), CAST(:keys AS text[])) AS part (parent, key)
        JOIN ai_batch_request AS whole ON whole.id = part.parent
        RETURNING id, key
    ), moved AS (
        UPDATE ai_processing_request SET batch_id = part.id
        FROM unnest(CAST(:requests AS bigint[]), CAST(:request_keys AS text[])) AS member (id, key)
        JOIN part ON part.key = member.key
        WHERE ai_processing_request.id = member.id
    )
    SELECT id, key FROM part
""")
"""Give the requests beyond a batch's limit to batches of their own."""

ABANDON_UNSENT_REQUESTS = text("""
    UPDATE ai_processing_request
    SET status = 'PROCESSING_ABANDONED', error = :error, completed_at = :now, batch_id = NULL,
        attempts = attempts - 1
    WHERE id = ANY (CAST(:requests AS bigint[])) AND status = 'BATCHING_IN_PROGRESS'
""")
"""Give up on requests that no batch can hold; they were counted as sent, and were not."""

DELETE_EMPTY_BATCHES = text("""
    DELETE FROM ai_batch_request
    WHERE id = ANY (CAST(:batches AS bigint[])) AND status = 'UPLOADING'
      AND NOT EXISTS (SELECT FROM ai_processing_request WHERE batch_id = ai_batch_request.id)
""")
"""Batches none of whose requests could be sent never were."""

RECORD_SUBMISSIONS = text("""
    UPDATE ai_batch_request
    SET status = submitted.status, openai_batch_id = submitted.openai_batch_id,
        openai_created_at = coalesce(submitted.openai_created_at, ai_batch_request.openai_created_at),
        input_file_id = submitted.input_file_id, error = submitted.error,
        completed_at = CASE WHEN submitted.status = 'FAILED' THEN CAST(:now AS timestamptz) END,
        claimed_at = NULL,
        claimed_by = CASE WHEN submitted.was_sent THEN ai_batch_request.claimed_by END
    FROM unnest(CAST(:batches AS bigint[]), CAST(:statuses AS text[]), CAST(:openai_ids AS text[]),
                CAST(:openai_stamps AS bigint[]), CAST(:file_ids AS text[]), CAST(:errors AS text[]),
                CAST(:were_sent AS boolean[]))
         AS submitted (id, status, openai_batch_id, openai_created_at, input_file_id, error, was_sent)
    WHERE ai_batch_request.id = submitted.id AND ai_batch_request.status = 'UPLOADING'
      AND (submitted.openai_batch_id IS NOT NULL OR ai_batch_request.claimed_by = :token)
""")
"""Write what became of the submissions: under way, refused for good, or free for the next run.

A batch that another scheduler has taken over meanwhile is not refused on our word.
"""

SURPLUS_BATCHES = text("""
    SELECT openai_id FROM unnest(CAST(:openai_ids AS text[])) AS submitted (openai_id)
    WHERE NOT EXISTS (SELECT FROM ai_batch_request WHERE openai_batch_id = openai_id)
""")
"""Which of these batches of the API no row names."""

OPEN_BATCHES = text("""
    SELECT id, openai_batch_id, completed_at, incomplete_since FROM ai_batch_request
    WHERE status IN ('VALIDATING', 'IN_PROGRESS', 'FINALIZING', 'CANCELLING')
      AND company_id = ANY (CAST(:companies AS bigint[]))
    ORDER BY id
""")
"""What the API still works on."""

RECORD_STATUSES = text("""
    UPDATE ai_batch_request
    SET status = seen.status, output_file_id = seen.output_file_id, error_file_id = seen.error_file_id,
        answered = seen.answered, error = seen.error, completed_at = seen.ended_at,
        incomplete_since = seen.incomplete_since
    FROM unnest(CAST(:batches AS bigint[]), CAST(:statuses AS text[]), CAST(:output_ids AS text[]),
                CAST(:error_ids AS text[]), CAST(:errors AS text[]), CAST(:answered AS int[]),
                CAST(:ends AS timestamptz[]), CAST(:incomplete AS bigint[]))
         AS seen (id, status, output_file_id, error_file_id, error, answered, ended_at, incomplete_since)
    WHERE ai_batch_request.id = seen.id
      AND ai_batch_request.status IN ('VALIDATING', 'IN_PROGRESS', 'FINALIZING', 'CANCELLING')
""")
"""Write what the API said; a batch that another scheduler has seen end meanwhile is left as it is."""

CLAIM_ENDED_BATCHES = text("""
    UPDATE ai_batch_request SET claimed_at = :now, claimed_by = :token
    WHERE id IN (
        SELECT id FROM ai_batch_request
        WHERE status IN ('COMPLETED', 'EXPIRED', 'CANCELLED', 'FAILED')
          AND company_id = ANY (CAST(:companies AS bigint[]))
          AND (claimed_at IS NULL OR claimed_at <= :stale OR claimed_at > :wrong)
          AND id > :after
        ORDER BY id LIMIT :page FOR UPDATE SKIP LOCKED
    )
    RETURNING id, model, status, error, openai_batch_id, output_file_id, error_file_id, answered,
        incomplete_since,
        (SELECT count(*) FROM ai_processing_request WHERE batch_id = ai_batch_request.id) AS requests
""")
"""Take ended batches to process, each with the number of its requests; whoever took one longer ago than a
lease lasts is gone."""

RELEASE_BATCHES = text("""
    UPDATE ai_batch_request AS batch
    SET claimed_at = NULL, incomplete_since = coalesce(unread.since, batch.incomplete_since)
    FROM unnest(CAST(:batches AS bigint[]), CAST(:since AS bigint[])) AS unread (id, since)
    WHERE batch.id = unread.id AND batch.status <> 'PROCESSED' AND batch.claimed_by = :token
""")
"""Leave batches whose files could not be read to a later run, and since when some are known to be short."""

_SETTLE = f"""
    applied AS (
        UPDATE ai_processing_request AS request
        SET status = {_SETTLED.status},
            attempts = {_SETTLED.attempts},
            error = settled.error,
            batch_id = {_SETTLED.batch_id},
            prompt_tokens = CASE WHEN settled.prompt_tokens IS NULL THEN request.prompt_tokens
                                 ELSE coalesce(request.prompt_tokens, 0) + settled.prompt_tokens END,
            completion_tokens = CASE WHEN settled.completion_tokens IS NULL THEN request.completion_tokens
                                     ELSE coalesce(request.completion_tokens, 0)
                                          + settled.completion_tokens END,
            cost_usd = CASE WHEN settled.micros IS NULL THEN request.cost_usd
                            ELSE coalesce(request.cost_usd, 0) + settled.micros * 0.000001 END,
            completed_at = {_SETTLED.completed_at}
        FROM settled
        WHERE request.id = settled.id AND {is_status("request.status", ":expected")}
          AND (settled.batch_id IS NULL OR request.batch_id = settled.batch_id)
        RETURNING request.session_id, request.status AS new_status, {{place}},
                  settled.sentiment, settled.category, settled.summary, settled.language
    ), answers AS (
        SELECT session_id,
           (array_agg(sentiment ORDER BY {{later}}) FILTER (WHERE sentiment IS NOT NULL))[1] AS sentiment,
           (array_agg(category ORDER BY {{later}}) FILTER (WHERE category IS NOT NULL))[1] AS category,
           (array_agg(summary ORDER BY {{later}}) FILTER (WHERE summary IS NOT NULL))[1] AS summary,
           (array_agg(language ORDER BY {{later}}) FILTER (WHERE language IS NOT NULL))[1] AS language
        FROM applied GROUP BY session_id
    ), answered AS (
        UPDATE session
        SET sentiment = coalesce(answers.sentiment, session.sentiment),
            category = coalesce(answers.category, session.category),
            summary = coalesce(answers.summary, session.summary),
            language = coalesce(answers.language, session.language)
        FROM answers WHERE session.id = answers.session_id
    )
    SELECT count(*) FILTER (WHERE new_status = 'PROCESSING_COMPLETE') AS completed,
           count(*) FILTER (WHERE new_status <> 'PROCESSING_COMPLETE') AS failed
    FROM applied
"""  # noqa: S608 (our own fragments)

SETTLE_REQUESTS = text(f"""
    WITH settled AS (
        SELECT * FROM unnest(
            CAST(:requests AS bigint[]), CAST(:batches AS bigint[]), CAST(:statuses AS text[]),
            CAST(:errors AS text[]), CAST(:prompt_tokens AS int[]), CAST(:completion_tokens AS int[]),
            CAST(:micros AS bigint[]), CAST(:sentiments AS text[]), CAST(:categories AS text[]),
            CAST(:summaries AS text[]), CAST(:languages AS text[]), CAST(:attempts_used AS int[])
        ) WITH ORDINALITY AS line (id, batch_id, status, error, prompt_tokens, completion_tokens, micros,
                                   sentiment, category, summary, language, attempts_used, place)
    ), {_SETTLE.format(place="settled.place", later="place DESC")}
""")  # noqa: S608 (our own fragments)
"""Apply outcomes to requests that still wait for them, and their answers to the sessions; later ones win."""

STAGE_SETTLEMENTS = """
    SET LOCAL random_page_cost = 0.1;
    CREATE TEMP TABLE settled (
        id bigint, batch_id bigint, status text, error text, prompt_tokens int, completion_tokens int,
        micros bigint, sentiment text, category text, summary text, language text, attempts_used int
    ) ON COMMIT DROP
"""
"""Where a chunk of outcomes is put by COPY; who then joins it finds each request by its key, for they lie in
memory since they were written, and does not read the whole table."""

COPY_SETTLEMENTS = "COPY settled FROM STDIN (FORMAT binary)"

SETTLE_STAGED = text(f"""
    WITH settled AS (SELECT * FROM pg_temp.settled ORDER BY id),
    {_SETTLE.format(place="settled.batch_id, settled.id", later="batch_id DESC, id DESC")}
""")  # noqa: S608 (our own fragments)
"""Apply the outcomes that are staged, as `SETTLE_REQUESTS` does.

In the order of the requests, batches mixed: rows and entries of indexes that lie together are met together.
"""

FAIL_MISSING_LINES = text(f"""
    UPDATE ai_processing_request AS request
    SET status = {_ENDED.status},
        attempts = {_ENDED.attempts},
        error = ended.error,
        batch_id = {_ENDED.batch_id},
        completed_at = {_ENDED.completed_at}
    FROM unnest(CAST(:batches AS bigint[]), CAST(:statuses AS text[]), CAST(:errors AS text[]),
                CAST(:attempts_used AS int[]))
         AS ended (batch_id, status, error, attempts_used)
    WHERE request.batch_id = ended.batch_id AND {is_status("request.status", "'BATCHING_IN_PROGRESS'")}
""")  # noqa: S608 (our own fragments)
"""Requests whose batch ended without a line for them."""

ABANDON_BAD_LINES = text("""
    WITH written AS (
        SELECT id, batch_id, row_number() OVER (PARTITION BY batch_id ORDER BY requested_at, id) AS number
        FROM ai_processing_request
        WHERE batch_id = ANY (CAST(:batches AS bigint[])) AND status = 'BATCHING_IN_PROGRESS'
    )
    UPDATE ai_processing_request AS request
    SET status = 'PROCESSING_ABANDONED', error = bad.reason, completed_at = :now
    FROM written
    JOIN unnest(CAST(:batches AS bigint[]), CAST(:numbers AS int[]), CAST(:reasons AS text[]))
         AS bad (batch_id, number, reason)
      ON bad.batch_id = written.batch_id AND bad.number = written.number
    WHERE request.id = written.id
    RETURNING request.batch_id
""")
"""Requests whose lines made the API fail their batch; numbers are in the order of the input file."""

CLOSE_BATCHES = text("""
    UPDATE ai_batch_request
    SET outcome = status, status = 'PROCESSED', processed_at = :now, claimed_at = NULL
    WHERE id = ANY (CAST(:batches AS bigint[])) AND status <> 'PROCESSED'
""")
"""Mark batches as processed, in the transaction that applied their results."""

_UNHELD = f"""
    (candidate.status = 'PROCESSING_FAILED'
     OR (candidate.status = 'RETRY_IN_PROGRESS'
         AND (candidate.claimed_at IS NULL OR candidate.claimed_at <= :stale OR candidate.claimed_at > :wrong)
         AND {holder_is_gone("candidate.claimed_by")}))"""

CLAIM_FAILED_REQUESTS = text(f"""
    WITH ranked AS (
        SELECT candidate.id,
               row_number() OVER (PARTITION BY company_id
                                  ORDER BY candidate.requested_at, candidate.id) AS place
        FROM ai_processing_request AS candidate JOIN session ON session.id = candidate.session_id
        WHERE session.company_id = ANY (CAST(:companies AS bigint[])) AND {_UNHELD}
    ), taken AS MATERIALIZED (
        SELECT candidate.id FROM ai_processing_request AS candidate
        WHERE candidate.id IN (SELECT id FROM ranked WHERE place <= :per_company) AND {_UNHELD}
        FOR UPDATE SKIP LOCKED
    )
    UPDATE ai_processing_request AS request
    SET status = CASE WHEN request.attempts >= :attempts_max THEN 'PROCESSING_ABANDONED'
                      ELSE 'RETRY_IN_PROGRESS' END,
        error = CASE WHEN request.attempts >= :attempts_max THEN :interrupted ELSE request.error END,
        completed_at = CASE WHEN request.attempts >= :attempts_max THEN CAST(:now AS timestamptz)
                            ELSE request.completed_at END,
        claimed_at = CASE WHEN request.attempts >= :attempts_max THEN request.claimed_at
                          ELSE CAST(:now AS timestamptz) END,
        claimed_by = :token,
        attempts = least(request.attempts + 1, :attempts_max)
    FROM taken WHERE request.id = taken.id
    RETURNING request.id, request.status
""")  # noqa: S608 (our own fragments)
"""Take each company's oldest failed requests, and lock no others; the attempt counts before the call."""

RETRY_PROMPTS = text(f"""
    SELECT request.id, request.model, request.processing_type, transcript.content
    FROM ai_processing_request AS request
    JOIN session ON session.id = request.session_id
    {TRANSCRIPT_SQL}
    WHERE request.id = ANY (CAST(:ids AS bigint[]))
      AND {is_status("request.status", "'RETRY_IN_PROGRESS'")} AND request.claimed_by = :token
    ORDER BY session.company_id, request.requested_at, request.id
""")  # noqa: S608 (our own fragments)
"""Some claimed requests, of those that we hold still, with their complete prompts.

No index fits the guard on the status, so the rows come by their ids, and not all that are retried each time.
"""
