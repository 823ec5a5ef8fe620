"""The two catalogues of metrics, of a run and of a load: unit, stages, how sure a value can be.

A threshold speaks of both, a claim of a run's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    """A counter is exact and the same on every machine; what is measured needs an interval.

    What a load observes is told once a block, in the statistics that its record keeps.
    """

    COUNTER = "counter"
    STATISTICAL = "statistical"
    OBSERVED = "observed"


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
    workload: str = ""
    """The workload that alone knows it; empty where the harness counts it of any."""
    kept: tuple[str, ...] = ()
    """The statistics that a record keeps of it, if it keeps no samples."""
    is_by_operation: bool = False
    """Whether a load tells it for each operation, too."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """What a threshold may say of it: the empty word is its one value, `p(…)` is any percentile."""
        usual = {Tier.COUNTER: ("", "growth"), Tier.STATISTICAL: ("", "med", "p(…)"), Tier.OBSERVED: ()}
        return self.kept or usual[self.tier]


def _counter(name: str, unit: str, description: str) -> MetricDefinition:
    title = name.replace("_", " ").capitalize().replace("Wal", "WAL").replace("Api", "API")
    return MetricDefinition(name, title, unit, Tier.COUNTER, (*STAGES, RUN), description)


def _lookups(name: str, title: str, stage: str, description: str) -> MetricDefinition:
    return MetricDefinition(
        name, title, "count", Tier.COUNTER, (stage,), description, workload="batch_pipeline"
    )


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
    replace(_counter("api_calls", "count", "calls of the batch API"), workload="batch_pipeline"),
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
        "share of company lookups answered by the cache in the document's timetable, after the first one; "
        "what it is by arithmetic, there and at other timetables, is in the claim's reason",
        Better.HIGHER,
        Subject.CANDIDATE,
        workload="batch_pipeline",
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
        workload="batch_pipeline",
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


class LoadMetric(StrEnum):
    """What a load is held to."""

    RESPONSE_TIME = "response_time"
    SERVICE_TIME = "service_time"
    SCHEDULE_LAG = "schedule_lag"
    END_TO_END = "end_to_end"
    FAILED = "failed"
    DROPPED = "dropped"
    THROUGHPUT = "throughput"
    ROUND_TRIPS = "round_trips"
    SERVER_CPU = "server_cpu"
    CAPACITY = "capacity"

    @property
    def is_time(self) -> bool:
        """Whether it is a distribution of milliseconds."""
        return self in (
            LoadMetric.RESPONSE_TIME,
            LoadMetric.SERVICE_TIME,
            LoadMetric.SCHEDULE_LAG,
            LoadMetric.END_TO_END,
        )


_BY_OPERATION = (
    LoadMetric.RESPONSE_TIME,
    LoadMetric.SERVICE_TIME,
    LoadMetric.SCHEDULE_LAG,
    LoadMetric.FAILED,
    LoadMetric.DROPPED,
)
_OF_A_TIME = ("p(50)", "p(90)", "p(95)", "p(99)", "p(99.9)", "med", "max", "avg")


def _observed(metric: LoadMetric, unit: str, kept: tuple[str, ...], description: str) -> MetricDefinition:
    title = metric.value.replace("_", " ").capitalize().replace("cpu", "CPU")
    return MetricDefinition(
        metric.value,
        title,
        unit,
        Tier.OBSERVED,
        (RUN,),
        description,
        kept=kept,
        is_by_operation=metric in _BY_OPERATION,
    )


LOAD_CATALOGUE = (
    _observed(LoadMetric.RESPONSE_TIME, "ms", _OF_A_TIME, "from the intended start"),
    _observed(LoadMetric.SERVICE_TIME, "ms", _OF_A_TIME, "from the real start"),
    _observed(LoadMetric.SCHEDULE_LAG, "ms", _OF_A_TIME, "from the intended start to the real one"),
    _observed(LoadMetric.END_TO_END, "ms", _OF_A_TIME, "from the submission to the stored result"),
    _observed(LoadMetric.FAILED, "count", ("rate", "count"), "requests that failed"),
    _observed(LoadMetric.DROPPED, "count", ("rate", "count"), "arrivals that were not sent"),
    _observed(LoadMetric.THROUGHPUT, "per s", ("rate",), "requests that were answered"),
    _observed(LoadMetric.ROUND_TRIPS, "count", ("value",), "executions of the database server"),
    _observed(LoadMetric.SERVER_CPU, "ms", ("value",), "processor time of the service"),
    _observed(LoadMetric.CAPACITY, "per s", ("value",), "the highest rate within the objective"),
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a table of thresholds can speak of: its metrics, the tags of its keys, and examples for errors."""

    metrics: tuple[MetricDefinition, ...]
    tags: tuple[str, ...]
    key_example: str
    rule_example: str
    other_names: Mapping[str, str] = field(default_factory=dict)


OF_RUNS = Vocabulary(
    CATALOGUE,
    ("stage", "size", "rtt_ms"),
    "arm.metric, ratio.metric or base.metric",
    "'<=40', 'growth<=0.05' or 'p(50)<0.5'",
    {"companies": "size"},
)
OF_LOADS = Vocabulary(
    LOAD_CATALOGUE,
    ("arm", "operation"),
    "response_time or ratio.response_time",
    "'p(95)<500' or 'rate<0.01'",
    {
        "http_req_duration": LoadMetric.RESPONSE_TIME,
        "http_req_failed": LoadMetric.FAILED,
        "dropped_iterations": LoadMetric.DROPPED,
    },
)


def has_run(name: str) -> bool:
    """Whether the steps of this metric add up to a run; one that no catalogue knows does."""
    found = definition(name)
    return found is None or RUN in found.stages
