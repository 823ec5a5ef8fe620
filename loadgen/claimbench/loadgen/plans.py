"""Which of the document's indexes the planner uses, for the query that each is for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from claimbench.impl.indexes import DOCUMENT_INDEXES, DocumentIndex
from claimbench.impl.ports import Stage


@dataclass(frozen=True, slots=True)
class IndexUse:
    """Whether the plan of an index's query goes through it, and what the plan goes through."""

    index: DocumentIndex
    used: bool
    scans: tuple[str, ...]


def index_uses(connection: Connection, stage: Stage) -> Iterator[IndexUse]:
    """Ask the planner about the queries of one stage, on fresh statistics, without running them."""
    connection.execute(text("ANALYZE ai_processing_request, ai_batch_request"))
    for index in DOCUMENT_INDEXES:
        if index.stage is stage:
            plan = connection.execute(text(f"EXPLAIN (FORMAT JSON) {index.query}")).scalar_one()
            scans = tuple(scanned(plan if isinstance(plan, list) else json.loads(plan)))
            yield IndexUse(index, index.name in scans, scans)


def scanned(node: object) -> list[str]:
    """The names of all indexes in a plan, and of tables that are scanned whole."""
    if isinstance(node, list):
        return [name for child in node for name in scanned(child)]
    if not isinstance(node, dict):
        return []
    here = [str(node["Index Name"])] if "Index Name" in node else []
    if node.get("Node Type") == "Seq Scan":
        here.append(f"seq scan of {node.get('Relation Name')}")
    return here + [name for child in node.values() for name in scanned(child)]
