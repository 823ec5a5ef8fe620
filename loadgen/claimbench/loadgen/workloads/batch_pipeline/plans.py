"""The document's timetable followed, and which of its indexes the planner uses for its queries."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from claimbench.impl.indexes import DOCUMENT_INDEXES, DocumentIndex
from claimbench.impl.ports import Stage
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.session import BatchSession
from claimbench.loadgen.workloads.batch_pipeline.timetable import timetable


@dataclass(frozen=True, slots=True)
class IndexUse:
    """Whether the plan of an index's query goes through it, and the steps of that plan, first one first."""

    index: DocumentIndex
    used: bool
    steps: tuple[str, ...]


def index_uses(connection: Connection, stage: Stage) -> Iterator[IndexUse]:
    """Ask the planner about the queries of one stage, on fresh statistics, without running them."""
    connection.execute(text("ANALYZE ai_processing_request, ai_batch_request"))
    for index in DOCUMENT_INDEXES:
        if index.stage is stage:
            plan = connection.execute(text(f"EXPLAIN (FORMAT JSON) {index.query}")).scalar_one()
            steps = tuple(steps_of(plan if isinstance(plan, list) else json.loads(plan)))
            yield IndexUse(index, index.name in steps, steps)


def steps_of(node: object) -> list[str]:
    """What a plan does, in its order: the names of its indexes, the tables it scans whole, its sorts."""
    if isinstance(node, list):
        return [step for child in node for step in steps_of(child)]
    if not isinstance(node, dict):
        return []
    before = [step for child in node.values() for step in steps_of(child)]
    match node.get("Node Type"):
        case "Seq Scan":
            return [*before, f"a scan of all {node.get('Relation Name')}"]
        case "Sort" | "Incremental Sort":
            return [*before, "a sort"]
        case _:
            return [*before, str(node["Index Name"])] if "Index Name" in node else before


def follow_timetable(session: BatchSession, duration: timedelta) -> Iterator[IndexUse]:
    """Call the stages when the document's scheduler would; ask the planner before the first call of each."""
    begun: set[Stage] = set()
    for offset, stage in timetable(duration):
        due = EPOCH + offset
        session.clock.advance(due - session.clock.now())
        if stage not in begun:
            begun.add(stage)
            with session.connections.connect() as connection:
                yield from [*index_uses(connection, stage)]
        session.take(stage.value)
