"""The scale record, `claimbench.scale/1`: `scale.json` holds exactly this, all else is drawn from it."""

from typing import Final, Literal

from pydantic import Field

from claimbench.reports.record.values import Scalar, Verdict
from claimbench.scenarios.grammar import Frozen

SCALE_SCHEMA: Final = "claimbench.scale/1"

Part = Literal["points", "limit", "ablation", "round_trip_times", "indexes", "where"]


class StepReading(Frozen):
    """One step: wall seconds, processor seconds of the arm's process and of the server.

    What was not looked at is None: counts come from a turn in which the wire was read, waits from one with
    the probe of waits; `database_s`, `api_s` and `both_s` are the wall time in which some thread waited.
    """

    step: str
    seconds: float
    client_cpu_s: float
    server_cpu_s: float | None = None
    round_trips: int | None = None
    statements: int | None = None
    row_bytes: int | None = None
    database_s: float | None = None
    api_s: float | None = None
    both_s: float | None = None


class StatementUse(Frozen):
    """A statement of a turn as pg_stat_statements tells it: blocks are pages of 8 KiB, cached or not."""

    text: str
    calls: int
    rows: int
    blocks: int
    wal_bytes: int
    seconds: float


class Turned(Frozen):
    """One turn: an arm once, a whole run, on a fresh database of `size` companies in a fresh process.

    requests: how many waited in all. service: the fake API in another process, or one that costs nothing.
    variant: what differs from the arm as it is. left, sent: what two arms that do the same work have alike.
    """

    part: Part
    arm: str
    variant: str = ""
    size: int = Field(ge=1)
    requests: int = Field(ge=0)
    rtt_ms: float = 0.0
    service: Literal["fake", "none"]
    block: int = 0
    steps: tuple[StepReading, ...]
    peak_memory_bytes: int
    rows: int | None = None
    wal_bytes: int | None = None
    buffers: int | None = None
    executions: int | None = None
    statements: tuple[StatementUse, ...] = ()
    left: str
    sent: str

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        return sum(step.seconds for step in self.steps)

    def total(self, name: str) -> int | None:
        """Of the whole run: what each step says of it, where it was looked at."""
        found = [value for step in self.steps if (value := getattr(step, name)) is not None]
        return sum(found) if found else None

    @property
    def cpu_s(self) -> float | None:
        """Processor seconds of the arm and of the server together."""
        if any(step.server_cpu_s is None for step in self.steps):
            return None
        return sum(step.client_cpu_s + (step.server_cpu_s or 0) for step in self.steps)


class ScalePoint(Frozen):
    """An arm at one size: `round_trips`, `rows` and bytes are of the whole run.

    service: the fake API in another process, or one that costs nothing. extrapolated: continued from the
    arm's smaller points, since it would not have fitted the budget.
    """

    arm: str
    size: int
    requests: int
    seconds: float
    peak_memory_bytes: int
    round_trips: int
    statements: int | None = None
    rows: int | None = None
    row_bytes: int | None = None
    wal_bytes: int | None = None
    service: Literal["fake", "none"]
    extrapolated: bool = False


class IndexFacts(Frozen):
    """A set of indexes: its size, its plans, and the share of updates that stayed on their pages (HOT)."""

    indexes: str
    bytes: int
    hot_share: float | None
    plans: tuple[str, ...]


class ScaleFailure(Frozen):
    """A turn that gave no numbers, and why."""

    what: str
    reason: str


class ClaimedReduction(Frozen):
    """A claim in percent about a measure of points: at least `low`, and as published at most `high`."""

    id: str
    quote: str
    measure: Literal["statements", "peak_memory_bytes", "seconds"]
    low: float
    high: float


class ScaleRecord(Frozen):
    """One scale report: `scale.json` holds exactly this."""

    schema_: Literal["claimbench.scale/1"] = Field(default=SCALE_SCHEMA, alias="schema")
    claimbench: str
    started_at: str
    command: str
    scenario: str
    sha256: str
    environment: dict[str, Scalar]
    arms: tuple[str, ...]
    claims: tuple[ClaimedReduction, ...]
    points: tuple[ScalePoint, ...]
    turns: tuple[Turned, ...]
    indexes: tuple[IndexFacts, ...] = ()
    failures: tuple[ScaleFailure, ...] = ()
    interrupted: bool = False
    verdict: Verdict
