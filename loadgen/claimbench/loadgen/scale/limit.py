"""The limit: the same transitions of the same rows by the fewest statements, and the unavoidable JSON.

No chunks, no leases, no guards, no check of what came: nobody could run this. It is an arm like any other,
over one connection with one transaction a step, so that it is timed and proved by the same turns.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from tempfile import TemporaryFile

import orjson
import psycopg

from claimbench.impl.optimized.prompt_files import lines_statement
from claimbench.impl.optimized.sessions import driver_of
from claimbench.impl.ports import (
    ByStage,
    PipelineContext,
    PipelineStats,
    Stage,
    StageReport,
    batch_metadata,
)
from claimbench.impl.prices import PriceFactor, cost_micros
from claimbench.impl.prompts import TRANSCRIPT_SQL, Prompt
from claimbench.impl.queue_stats import queue_stats
from claimbench.impl.statuses import ProcessingType

_CLAIM = """
    WITH placed AS (
        SELECT request.id, session.company_id, request.model,
               (row_number() OVER oldest_first - 1) / %(requests_max)s AS turn,
               count(*) OVER (PARTITION BY session.company_id, request.model) AS waiting,
               first_value(request.requested_at) OVER oldest_first AS oldest
        FROM ai_processing_request AS request JOIN session ON session.id = request.session_id
        JOIN company ON company.id = session.company_id
        WHERE request.status = 'PENDING_BATCHING' AND company.status = 'ACTIVE'
        WINDOW oldest_first AS (PARTITION BY session.company_id, request.model
                                ORDER BY request.requested_at, request.id)
    ), due AS MATERIALIZED (
        SELECT id, company_id, model, company_id || '-' || model || '-' || turn || '-' || %(now)s AS key
        FROM placed WHERE waiting >= %(requests_min)s OR %(now)s - oldest >= %(age_max)s
    ), made AS (
        INSERT INTO ai_batch_request (company_id, model, key, status, created_at)
        SELECT DISTINCT company_id, model, key, 'UPLOADING', %(now)s FROM due RETURNING id, key
    )
    UPDATE ai_processing_request AS request
    SET status = 'BATCHING_IN_PROGRESS', batch_id = made.id, attempts = request.attempts + 1
    FROM due JOIN made USING (key) WHERE request.id = due.id
"""
_LINES = """
    COPY (SELECT request.batch_id, batch.key, batch.company_id,
                 '{{"custom_id":"' || lower(request.processing_type) || '-' || request.id || {middle}
                 || to_json(request.model)::text || CASE request.processing_type {systems} END
                 || to_json(transcript.content)::text || {tail}
          FROM (SELECT id, batch_id, model, processing_type, session_id FROM ai_processing_request
                WHERE status = 'BATCHING_IN_PROGRESS' ORDER BY batch_id, requested_at, id OFFSET 0) AS request
          JOIN ai_batch_request AS batch ON batch.id = request.batch_id AND batch.status = 'UPLOADING'
          {transcript}
    ) TO STDOUT (FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01')
"""
_RECORD = """
    UPDATE ai_batch_request AS batch SET status = 'VALIDATING', openai_batch_id = made.api_id
    FROM unnest(%s::bigint[], %s::text[]) AS made (id, api_id) WHERE batch.id = made.id
"""
_OPEN = "SELECT id, openai_batch_id FROM ai_batch_request WHERE status = 'VALIDATING'"
_SEE = """
    UPDATE ai_batch_request AS batch SET status = seen.status, output_file_id = seen.given,
        error_file_id = seen.failed, completed_at = %s
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS seen (id, status, given, failed)
    WHERE batch.id = seen.id
"""
_ENDED = """
    SELECT id, model, output_file_id, error_file_id FROM ai_batch_request
    WHERE status = 'COMPLETED' ORDER BY id
"""
_STAGE = """
    CREATE TEMP TABLE settled (id bigint, error text, given int, made int, micros bigint, sentiment text,
                               category text, summary text, language text) ON COMMIT DROP
"""
_TYPES = ("int8", "text", "int4", "int4", "int8", *("text",) * 4)
_SETTLE = """
    WITH applied AS (
        UPDATE ai_processing_request AS request
        SET status = CASE WHEN settled.error IS NULL THEN 'PROCESSING_COMPLETE'
                          WHEN attempts >= %(attempts_max)s THEN 'PROCESSING_ABANDONED'
                          ELSE 'PROCESSING_FAILED' END,
            error = settled.error,
            prompt_tokens = coalesce(prompt_tokens + given, given, prompt_tokens),
            completion_tokens = coalesce(completion_tokens + made, made, completion_tokens),
            cost_usd = coalesce(cost_usd + micros * 0.000001, micros * 0.000001, cost_usd),
            completed_at = CASE WHEN settled.error IS NULL OR attempts >= %(attempts_max)s THEN %(now)s
                                ELSE completed_at END
        FROM settled WHERE request.id = settled.id
        RETURNING request.session_id, sentiment, category, summary, language
    )
    UPDATE session SET sentiment = coalesce(said.sentiment, session.sentiment),
        category = coalesce(said.category, session.category),
        summary = coalesce(said.summary, session.summary),
        language = coalesce(said.language, session.language)
    FROM (SELECT session_id, max(sentiment) AS sentiment, max(category) AS category, max(summary) AS summary,
                 max(language) AS language FROM applied GROUP BY session_id) AS said
    WHERE session.id = said.session_id
"""
_CLOSE = """
    UPDATE ai_batch_request SET outcome = status, status = 'PROCESSED', processed_at = %s
    WHERE status = 'COMPLETED'
"""
_RETRY = f"""
    WITH ranked AS (
        SELECT request.id,
               row_number() OVER (PARTITION BY company_id ORDER BY requested_at, request.id) AS place
        FROM ai_processing_request AS request JOIN session ON session.id = request.session_id
        JOIN company ON company.id = session.company_id
        WHERE request.status = 'PROCESSING_FAILED' AND company.status = 'ACTIVE'
    ), request AS (
        UPDATE ai_processing_request AS request SET status = 'RETRY_IN_PROGRESS', attempts = attempts + 1
        FROM ranked WHERE ranked.id = request.id AND place <= %s
        RETURNING request.id, request.model, processing_type, session_id
    )
    SELECT request.id, model, processing_type, transcript.content FROM request {TRANSCRIPT_SQL}
"""  # noqa: S608 (our own fragments)
_Row = tuple[object, ...]


class LimitPipeline(ByStage):
    """A `Pipeline` that works alone, on a database where everything goes well."""

    def __init__(self, context: PipelineContext) -> None:
        self._context = context

    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take the stage; its report counts nothing."""
        with self._connected() as connection:
            match stage:
                case Stage.CREATE_BATCHES:
                    self._create(connection, now)
                case Stage.CHECK_STATUSES:
                    self._check(connection, now)
                case Stage.PROCESS_RESULTS:
                    ended = connection.execute(_ENDED).fetchall()
                    self._settle(connection, (row for batch in ended for row in self._results(batch)), now)
                    connection.execute(_CLOSE, [now])
                case Stage.RETRY_FAILED:
                    asked = connection.execute(_RETRY, [self._context.policy.retries_per_company]).fetchall()
                    self._settle(connection, (self._answer(*each) for each in asked), now)
        return StageReport(stage)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue."""
        return queue_stats(self._context.engine, company_id)

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[_Row]]:
        with self._context.engine.connect() as pooled:
            driver = driver_of(pooled)
            with driver.transaction():
                driver.execute("SET LOCAL random_page_cost = 1.1")  # with 4, all is sorted for a merge
                yield driver

    def _create(self, connection: psycopg.Connection[_Row], now: datetime) -> None:
        policy, api, done = self._context.policy, self._context.api, list[tuple[int, str]]()
        values = {
            "now": now,
            "requests_max": policy.requests_per_batch_max,
            "requests_min": policy.requests_per_batch_min,
            "age_max": policy.pending_age_max,
        }
        connection.execute(_CLAIM, values)
        with connection.cursor().copy(lines_statement(_LINES)) as rows:
            parted = (bytes(row).split(b"\x02", 3) for row in rows)
            for (batch_id, key, company), members in groupby(parted, key=lambda parts: tuple(parts[:3])):
                with TemporaryFile() as file:
                    file.writelines(parts[3] for parts in members)
                    file.seek(0)
                    file_id = api.upload(f"{key.decode()}.jsonl", file)
                made = api.create_batch(file_id, batch_metadata(key.decode(), int(company)))
                done.append((int(batch_id), made.id))
        connection.execute(_RECORD, [[batch_id for batch_id, _ in done], [api_id for _, api_id in done]])

    def _check(self, connection: psycopg.Connection[_Row], now: datetime) -> None:
        rows = connection.execute(_OPEN).fetchall()
        seen = [self._context.api.retrieve(str(api_id)) for _, api_id in rows]
        columns = (
            [batch_id for batch_id, _ in rows],
            [each.status.value for each in seen],
            [each.output_file_id for each in seen],
            [each.error_file_id for each in seen],
        )
        connection.execute(_SEE, [now, *columns])

    def _results(self, batch: _Row) -> Iterator[_Row]:
        _, model, *files = batch
        for file_id in files:
            for raw in self._context.api.download(str(file_id)) if file_id else ():
                line = orjson.loads(raw)
                number, body = int(line["custom_id"].rpartition("-")[2]), line["response"]["body"]
                if line["response"]["status_code"] != 200:
                    yield number, body["error"]["message"], *(None,) * 7
                    continue
                given, made = body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]
                cost = cost_micros(str(model), PriceFactor.BATCH, given, made)
                yield number, None, given, made, cost, *_fields(body["choices"][0]["message"]["content"])

    def _answer(self, number: object, model: object, kind: object, words: object) -> _Row:
        prompt = Prompt(str(model), ProcessingType(str(kind)), str(words))
        answer = self._context.api.complete(prompt.body())
        given, made = answer.prompt_tokens, answer.completion_tokens
        cost = cost_micros(str(model), PriceFactor.ALONE, given, made)
        return number, None, given, made, cost, *_fields(answer.content)

    def _settle(self, connection: psycopg.Connection[_Row], rows: Iterable[_Row], now: datetime) -> None:
        connection.execute(_STAGE)
        with connection.cursor().copy("COPY settled FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
        connection.execute(_SETTLE, {"now": now, "attempts_max": self._context.policy.attempts_max})


def _fields(content: str) -> _Row:
    said = orjson.loads(content)
    return said.get("sentiment"), said.get("category"), said.get("summary"), said.get("language")
