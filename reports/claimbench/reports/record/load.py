"""The load record, version `claimbench.load/2`: `load.json` holds exactly this, all else is drawn from it.

Latencies are in milliseconds. `response` counts from the moment a request was meant to be sent, `service`
from the moment it was sent, `lag` is the time between the two. `histogram` is the base64 of an
HdrHistogram (V2, compressed, three digits, nanoseconds), so that other tools can read and merge it.
"""

from typing import Final, Literal

from pydantic import Field

from claimbench.reports.record.values import (
    ArmRecord,
    Equivalence,
    Finding,
    Interval,
    Method,
    Scalar,
    Verdict,
)
from claimbench.scenarios.grammar import Frozen

LOAD_SCHEMA: Final = "claimbench.load/2"


class TargetRecord(Frozen):
    """A service of somebody else under load; a target stands alone, or two are compared."""

    name: str = Field(min_length=1)
    url: str = Field(min_length=1)
    role: Literal["target", "reference", "candidate"]


LoadArm = ArmRecord | TargetRecord
"""What is under load: an arm behind our own service, or a target."""


class Latency(Frozen):
    """A distribution; all zero when `count` is."""

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    p99_9_ms: float
    max_ms: float
    histogram: str
    spectrum: tuple[tuple[float, float], ...]
    """Pairs of a percentile (0..100) and its milliseconds, denser towards the tail, for drawing."""


class OperationRecord(Frozen):
    """One kind of request, or all together under the name `all`.

    Every arrival was either dropped, for want of a free place in flight, or it completed; `failed` ones
    completed with an error and are in the latencies too.
    """

    name: str
    arrivals: int
    completed: int
    failed: int
    dropped: int
    resent: int = 0
    """Sent once more, as the plan allows, because the connection had ended without an answer."""
    replayed: int = 0
    """Answered from what an earlier request with the same key had stored: no work was measured."""
    response: Latency
    service: Latency
    lag: Latency


class SeriesPoint(Frozen):
    """A window of the run, by the intended start of its arrivals."""

    at_s: float
    arrivals: int
    failed: int
    dropped: int
    response_p50_ms: float
    response_p95_ms: float
    lag_p95_ms: float


class FailureRecord(Frozen):
    """How often an operation failed for a reason: a status, or the name of what broke."""

    operation: str
    reason: str
    count: int


class WorkerRecord(Frozen):
    """One generator process. CPU shares are of one core: 1 is all that a process of Python can use."""

    index: int
    arrivals: int
    cpu_share: float
    cpu_share_peak: float
    report_bytes_max: int
    in_flight_s: float = 0.0
    """The number of requests in flight, integrated over time as they came and went."""
    observed_s: float = 0.0
    """From the start of the schedule to the last answer."""


class Generated(Frozen):
    """What the generator sent and saw in one block, merged over its processes."""

    planned: int
    duration_s: float
    window_s: float
    workers_expected: int
    workers_lost: int
    heartbeats_lost: int
    workers: tuple[WorkerRecord, ...]
    total: OperationRecord
    operations: tuple[OperationRecord, ...]
    series: tuple[SeriesPoint, ...]
    failures: tuple[FailureRecord, ...]


class Served(Frozen):
    """What the service and its database did meanwhile; None where it could not be read.

    `server_cpu_s` is the processor time of the service. The counts are deltas of pg_stat_statements
    between the edges of the block. `end_to_end` goes from a request's submission to its stored result,
    `stored` and `unfinished` count processing requests.
    """

    server_cpu_s: float | None = None
    server_memory_bytes: int | None = None
    round_trips: int | None = None
    rows: int | None = None
    wal_bytes: int | None = None
    end_to_end: Latency | None = None
    stored: int | None = None
    unfinished: int | None = None


class BlockRecord(Frozen):
    """One arm in one block: a fresh clone, a fresh service, the same arrivals as the other arm's.

    `position` is the arm's place in its block, from 0. `problems` are the sentences that make it invalid.
    """

    arm: str
    block: int
    position: int
    rate_per_s: float
    generated: Generated
    served: Served
    problems: tuple[str, ...] = ()


class CapacityPoint(Frozen):
    """One rate that was tried; `broken` says which objective it broke, and is empty if none."""

    rate_per_s: float
    completed_per_s: float
    response_p95_ms: float
    lag_p99_ms: float
    end_to_end_p95_ms: float | None
    failed_share: float
    broken: str


class CapacityRecord(Frozen):
    """The highest rate within the objective, per second; None if even the lowest rate broke it.

    `is_ceiling` says that the search ended at its highest rate, so that the capacity may be larger.
    """

    arm: str
    rate_per_s: float | None
    is_ceiling: bool
    points: tuple[CapacityPoint, ...]


class Ratio(Frozen):
    """Candidate over reference, paired within blocks: 0.25 is a quarter. `ratio` is None without an interval.

    `values` are the medians over blocks, by arm.
    """

    metric: str
    operation: str
    unit: str
    values: dict[str, float]
    ratio: Interval | None


class LoadAsked(Frozen):
    """What was asked for. `arrivals` says it in words."""

    name: str
    title: str
    why: str
    sha256: str
    arrivals: str
    seed: int
    blocks: int
    processes: int
    objective: str
    rtt_ms: float | None
    """The round trip that was added between the service and its database; None for a target."""


class LoadRecord(Frozen):
    """One load run."""

    schema_: Literal["claimbench.load/2"] = Field(default=LOAD_SCHEMA, alias="schema")
    claimbench: str
    started_at: str
    command: str = ""
    asked: LoadAsked
    environment: dict[str, Scalar]
    dataset: dict[str, Scalar]
    arms: tuple[LoadArm, ...]
    equivalence: Equivalence | None
    blocks: tuple[BlockRecord, ...]
    capacities: tuple[CapacityRecord, ...]
    ratios: tuple[Ratio, ...]
    thresholds: tuple[Finding, ...]
    method: Method
    limitations: tuple[str, ...]
    verdict: Verdict
