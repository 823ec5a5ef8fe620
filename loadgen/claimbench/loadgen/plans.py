"""Which of the document's indexes the planner uses, for the query that each is for."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, text

from claimbench.impl.indexes import DOCUMENT_INDEXES, DocumentIndex


@dataclass(frozen=True, slots=True)
class IndexUse:
    """Whether the plan of an index's query goes through it, and what the plan goes through."""

    index: DocumentIndex
    used: bool
    scans: tuple[str, ...]


def index_uses(connection: Connection) -> tuple[IndexUse, ...]:
    """Ask the planner, without running anything."""
    return tuple(_use(connection, index) for index in DOCUMENT_INDEXES)


def _use(connection: Connection, index: DocumentIndex) -> IndexUse:
    plan = connection.execute(text(f"EXPLAIN (FORMAT JSON) {index.query}")).scalar_one()
    scans = tuple(_scans(plan if isinstance(plan, list) else json.loads(plan)))
    return IndexUse(index, index.name in scans, scans)


def _scans(node: object) -> list[str]:
    """The names of all indexes in a plan, and of tables that are scanned whole."""
    if isinstance(node, list):
        return [name for child in node for name in _scans(child)]
    if not isinstance(node, dict):
        return []
    here = [str(node["Index Name"])] if "Index Name" in node else []
    if node.get("Node Type") == "Seq Scan":
        here.append(f"seq scan of {node.get('Relation Name')}")
    return here + [name for child in node.values() for name in _scans(child)]
