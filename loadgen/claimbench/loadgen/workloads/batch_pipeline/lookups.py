"""Look-ups: which of the statements that were sent look for companies, requests or batches.

A look-up brings back rows that its driving table gave, see `probes.sql_shape`. Of companies every one counts;
of requests and batches those that look for rows of a status, not those that fetch rows whose ids are known.
Which of the request look-ups it is depends on the stage that made it:

| metric | driven by | belongs to the stage |
|---|---|---|
| `company_lookups` | `company` | any |
| `pending_lookups` | `ai_processing_request` | create batches |
| `failed_lookups` | `ai_processing_request` | retry failed |
| `status_lookups` | `ai_batch_request` | check statuses |
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from claimbench.impl.ports import Stage
from claimbench.loadgen.probes.reading import Reading, Unit
from claimbench.loadgen.probes.statements import StatementCount


@dataclass(frozen=True, slots=True)
class LookupMetric:
    """A metric that counts the look-ups of one stage, and the table that they search."""

    name: str
    table: str


LOOKUPS: Mapping[Stage, LookupMetric] = {
    Stage.CREATE_BATCHES: LookupMetric("pending_lookups", "ai_processing_request"),
    Stage.CHECK_STATUSES: LookupMetric("status_lookups", "ai_batch_request"),
    Stage.RETRY_FAILED: LookupMetric("failed_lookups", "ai_processing_request"),
}


def company_lookups(statements: Iterable[StatementCount]) -> int:
    """How often companies were looked for."""
    return sum(each.count for each in statements if each.shape.is_lookup and each.shape.table == "company")


def stage_lookups(stage: Stage, statements: Iterable[StatementCount]) -> tuple[Reading, ...]:
    """The reading of this stage's own look-ups; none where the document claims nothing about them."""
    metric = LOOKUPS.get(stage)
    if metric is None:
        return ()
    found = sum(
        each.count for each in statements if each.shape.is_lookup and metric.table in each.shape.searched
    )
    return (Reading(metric.name, Unit.COUNT, found),)
