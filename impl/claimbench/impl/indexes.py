"""The document's three indexes, as a named set that can be made and dropped."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, text

from claimbench.impl.ports import Stage


@dataclass(frozen=True, slots=True)
class DocumentIndex:
    """An index, and the query that the document says it is for (`EXPLAIN` decides whether it is).

    stage: at whose start the query is asked, since a planner's choice depends on what the table then holds.
    """

    name: str
    columns: tuple[str, ...]
    purpose: str
    stage: Stage
    query: str

    @property
    def create_sql(self) -> str:
        """The statement that makes it."""
        return f"CREATE INDEX {self.name} ON ai_processing_request ({', '.join(self.columns)})"


DOCUMENT_INDEXES = (
    DocumentIndex(
        "ix_request_status_requested_at",
        ("status", "requested_at"),
        "finding pending requests by status and creation time",
        Stage.CREATE_BATCHES,
        "SELECT id FROM ai_processing_request WHERE status = 'PENDING_BATCHING' "
        "ORDER BY requested_at LIMIT 1000",
    ),
    DocumentIndex(
        "ix_request_batch_id",
        ("batch_id",),
        "batch-related lookups by batch id",
        Stage.PROCESS_RESULTS,
        "SELECT id FROM ai_processing_request WHERE batch_id = (SELECT max(id) FROM ai_batch_request)",
    ),
    DocumentIndex(
        "ix_request_status_batch_id",
        ("status", "batch_id"),
        "combined status and batch filtering",
        Stage.PROCESS_RESULTS,
        "SELECT id FROM ai_processing_request WHERE status = 'BATCHING_IN_PROGRESS' "
        "AND batch_id = (SELECT max(id) FROM ai_batch_request)",
    ),
)


class IndexSet(StrEnum):
    """The state before the document's index work, and after it."""

    BEFORE = "before"
    AFTER = "after"


def make_document_indexes(connection: Connection) -> None:
    """Make the three; the table must not have them yet."""
    for index in DOCUMENT_INDEXES:
        connection.execute(text(index.create_sql))
