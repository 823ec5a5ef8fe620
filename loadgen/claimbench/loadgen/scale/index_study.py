"""The document's indexes, with and without each, and a partial one as rival: plans, size, HOT updates."""

import json
from collections.abc import Mapping

import psycopg

from claimbench.impl.indexes import DOCUMENT_INDEXES, DocumentIndex
from claimbench.impl.ports import Stage
from claimbench.reports.record.scale import IndexFacts

PARTIAL = (
    "CREATE INDEX ix_request_pending ON ai_processing_request (requested_at) "
    "WHERE status = 'PENDING_BATCHING'"
)
"""What finds pending requests as the first of the three does, and holds nothing else."""


def _columns(index: DocumentIndex) -> str:
    return f"({', '.join(index.columns)})"


_BATCH_ID = next(index for index in DOCUMENT_INDEXES if index.columns == ("batch_id",))

INDEX_SETS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "all three": tuple(index.create_sql for index in DOCUMENT_INDEXES),
    **{
        f"without {_columns(left_out)}": tuple(
            index.create_sql for index in DOCUMENT_INDEXES if index is not left_out
        )
        for left_out in DOCUMENT_INDEXES
    },
    "only (batch_id)": (_BATCH_ID.create_sql,),
    "(batch_id) and a partial one": (_BATCH_ID.create_sql, PARTIAL),
}
"""By the name that a report gives them, how they are made where there are none."""


def plans(connection: psycopg.Connection, *stages: Stage) -> tuple[str, ...]:
    """Of the document's queries of these stages, run once on fresh statistics: their ways and pages."""
    connection.execute("ANALYZE ai_processing_request, ai_batch_request")
    return tuple(
        f"for {index.purpose}: {_told(connection, index.query)}"
        for index in DOCUMENT_INDEXES
        if index.stage in stages
    )


def _told(connection: psycopg.Connection, query: str) -> str:
    statement = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}"
    row = connection.execute(statement.encode()).fetchone()
    (found,) = row[0] if row and isinstance(row[0], list) else json.loads(row[0] if row else "[{}]")
    plan = found["Plan"]
    blocks = plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
    return f"{', '.join(_ways(plan)) or 'no table'}, {blocks:,} pages"


def _ways(node: Mapping[str, object]) -> list[str]:
    """The index names and whole scans of the request table in a plan, innermost first."""
    children = node.get("Plans", [])
    below = [way for child in children for way in _ways(child)] if isinstance(children, list) else []
    if node.get("Node Type") == "Seq Scan" and node.get("Relation Name") == "ai_processing_request":
        return [*below, "a scan of the whole table"]
    name = str(node.get("Index Name", ""))
    return [*below, name] if name.startswith("ix_request") else below


def index_facts(connection: psycopg.Connection, name: str, found: tuple[str, ...]) -> IndexFacts:
    """What a run left of a set of indexes: its bytes, and how many updates were HOT."""
    size = connection.execute(
        "SELECT coalesce(sum(pg_relation_size(indexrelid)), 0)::bigint FROM pg_stat_user_indexes "
        "WHERE indexrelname LIKE 'ix\\_request%'"
    ).fetchone()
    updates = connection.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'ai_processing_request'"
    ).fetchone()
    updated, hot = updates or (0, 0)
    return IndexFacts(
        indexes=name,
        bytes=int(size[0]) if size else 0,
        hot_share=hot / updated if updated else None,
        plans=found,
    )
