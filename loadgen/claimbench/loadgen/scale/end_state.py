"""What an arm left behind, as one number that the server computes: the proof of the same work at any size."""

from sqlalchemy import Engine, text

_LEFT = text("""
    SELECT (SELECT sum(hashtextextended(concat_ws('|', request.id, request.status, request.attempts,
                       coalesce(request.prompt_tokens, -1), coalesce(request.completion_tokens, -1),
                       coalesce(request.cost_usd, -1), coalesce(CAST(request.completed_at AS text), '-'),
                       request.error IS NOT NULL, coalesce(batch.company_id, -1), coalesce(batch.model, '-'),
                       coalesce(batch.status, '-'), coalesce(batch.outcome, '-')), 0))
            FROM ai_processing_request AS request
            LEFT JOIN ai_batch_request AS batch ON batch.id = request.batch_id) AS requests,
           (SELECT sum(hashtextextended(CASE WHEN asked.requests > 1
                       THEN concat_ws('|', session.id, sentiment IS NULL, category IS NULL, summary IS NULL,
                                      language IS NULL)
                       ELSE concat_ws('|', session.id, coalesce(sentiment, '-'), coalesce(category, '-'),
                                      coalesce(summary, '-'), coalesce(language, '-')) END, 0))
            FROM session
            LEFT JOIN (SELECT session_id, count(*) AS requests FROM ai_processing_request GROUP BY 1) AS asked
                 ON asked.session_id = session.id) AS sessions
""")
"""Rows in no order. Which of several answers a session holds depends on the grouping, as `left_in` says."""


def left_behind(engine: Engine) -> str:
    """The same for two arms that left the same rows, but for how requests were grouped into batches."""
    with engine.connect() as connection:
        requests, sessions = connection.execute(_LEFT).one()
    return f"{requests}/{sessions}"
