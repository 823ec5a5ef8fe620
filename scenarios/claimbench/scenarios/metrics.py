"""The catalogue of metrics: what can be claimed, in which unit, for which stages, and how sure it can be."""

from dataclasses import dataclass
from enum import StrEnum

RUN = "run"
"""The stage that stands for a whole scheduler run: the sum of the four."""

STAGES = ("create_batches", "check_statuses", "process_results", "retry_failed")
"""The four stages, in the order in which a scheduler run takes them."""

TIMETABLE = "timetable"
"""The stage that stands for an hour of the document's own timetable."""

INDEXES = ("ix_request_status_requested_at", "ix_request_batch_id", "ix_request_status_batch_id")
"""The document's three indexes; for `index_used` the index takes the place of the stage."""


class Tier(StrEnum):
    """A counter is exact and the same on every machine; anything else needs an interval."""

    COUNTER = "counter"
    STATISTICAL = "statistical"


class Better(StrEnum):
    """Which way is the better one."""

    LOWER = "lower"
    HIGHER = "higher"


class Subject(StrEnum):
    """Whether both arms are measured, or the candidate alone."""

    BOTH = "both"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric. Values are per scheduler run: the total of all runs, divided by their number."""

    name: str
    title: str
    unit: str
    tier: Tier
    stages: tuple[str, ...]
    description: str
    better: Better = Better.LOWER
    subject: Subject = Subject.BOTH


def _counter(name: str, unit: str, description: str) -> MetricDefinition:
    title = name.replace("_", " ").capitalize().replace("Wal", "WAL").replace("Api", "API")
    return MetricDefinition(name, title, unit, Tier.COUNTER, (*STAGES, RUN), description)


def _lookups(name: str, title: str, stage: str, description: str) -> MetricDefinition:
    return MetricDefinition(name, title, "count", Tier.COUNTER, (stage,), description)


CATALOGUE = (
    _counter("round_trips", "count", "waits for the server, the unit that network latency multiplies"),
    _counter("statements", "count", "statements that the client sent, as the document counts queries"),
    _counter(
        "logical_executions", "count", "statements times parameter sets, so executemany cannot hide any"
    ),
    _counter("server_executions", "count", "executions that the server counted itself"),
    _counter("rows", "count", "rows that the server returned or changed"),
    _counter("row_bytes", "B", "bytes of the rows that the client received"),
    _counter("wal_bytes", "B", "bytes of write-ahead log that the server wrote"),
    _counter("buffers", "count", "8 KiB pages that the server touched, cached or not"),
    _counter("api_calls", "count", "calls of the batch API"),
    _counter("commits", "count", "transactions that were committed"),
    _lookups(
        "company_lookups_first",
        "Company lookups, first run",
        RUN,
        "queries for the active companies in a scheduler run that starts with an empty cache",
    ),
    _lookups(
        "company_lookups_cached",
        "Company lookups, later run",
        RUN,
        "queries for the active companies in a scheduler run within the life of the cache",
    ),
    _lookups("pending_lookups", "Pending lookups", STAGES[0], "queries that look for pending requests"),
    _lookups("status_lookups", "Status lookups", STAGES[1], "queries that look for batches to ask about"),
    _lookups("failed_lookups", "Failed lookups", STAGES[3], "queries that look for failed requests to retry"),
    _lookups("active_companies", "Active companies", RUN, "companies whose work is done: the N of a claim"),
    MetricDefinition(
        "cache_hit_rate",
        "Cache hit rate",
        "ratio",
        Tier.COUNTER,
        (TIMETABLE,),
        "share of company lookups answered by the cache in an hour of the document's timetable",
        Better.HIGHER,
        Subject.CANDIDATE,
    ),
    MetricDefinition(
        "index_used",
        "Index used",
        "flag",
        Tier.COUNTER,
        INDEXES,
        "1 if the planner takes the index for the query that the document made it for, else 0",
        Better.HIGHER,
        Subject.CANDIDATE,
    ),
    MetricDefinition(
        "time",
        "Time",
        "s",
        Tier.STATISTICAL,
        (*STAGES, RUN),
        "wall-clock time, with no other probe switched on",
    ),
    MetricDefinition(
        "peak_memory",
        "Peak memory",
        "B",
        Tier.STATISTICAL,
        (RUN,),
        "growth of the resident memory of a fresh, warmed process at its peak",
    ),
)


def definition(name: str) -> MetricDefinition | None:
    """The metric of this name, or None."""
    return next((metric for metric in CATALOGUE if metric.name == name), None)
