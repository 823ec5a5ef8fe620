"""What a worker says about itself, as it is stored for the others and shown: frozen, and versionless JSON."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field

from claimbench.impl.breaker import BreakerStatus
from claimbench.impl.company_cache import CacheCounts
from claimbench.impl.ports import Stage
from claimbench.impl.scheduler import SchedulerHealth


class Figures(BaseModel):
    """Numbers at one moment; unknown keys of a newer worker are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class OperationFigures(Figures):
    """One stage since the start. Times of the last 1,000 runs, in milliseconds; counts in requests."""

    operation: Stage
    runs: int
    errors: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    max_ms: float
    last_at: datetime | None
    claimed: int
    created: int
    completed: int
    failed: int
    skipped: int


class CacheFigures(Figures):
    """The company cache since the worker started."""

    hits: int = 0
    misses: int = 0
    refreshes: int = 0
    invalidations: int = 0
    expiries: int = 0

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented order of the two
    @property
    def hit_rate(self) -> float | None:
        """Hits per lookup, 0..1; null before the first lookup."""
        return CacheCounts(self.hits, self.misses).hit_rate


class QueryFigures(Figures):
    """One kind of statement since the worker started; times in milliseconds, p95 of the last 1,000."""

    statement: str
    count: int
    mean_ms: float
    p95_ms: float
    max_ms: float


class BreakerFigures(Figures):
    """A circuit breaker of one kind of API call."""

    call: str
    state: str
    failures: int


class EventFigures(Figures):
    """How often something happened since the worker started."""

    kind: str
    count: int


class StageFigures(Figures):
    """How the scheduler fares with a stage; `next_at` is null while it starts none."""

    operation: Stage
    running: int
    missed: int
    overlapped: int
    next_at: datetime | None
    last_error: str | None


class WorkerState(StrEnum):
    """What a worker's scheduler does. `resting` after errors, `lost` when not seen for a while."""

    RUNNING = "running"
    PAUSED = "paused"
    RESTING = "resting"
    STOPPED = "stopped"
    LOST = "lost"


class SchedulerFigures(Figures):
    """A worker's scheduler; too many errors in a row lead to a rest."""

    state: WorkerState
    errors_in_a_row: int = 0
    resting_until: datetime | None = None
    stages: tuple[StageFigures, ...] = ()


class WorkerReport(Figures):
    """All that one worker process says about itself. `speed` is how much faster than the document it runs."""

    name: str
    pipeline: str
    speed: float
    started_at: datetime
    seen_at: datetime
    scheduler: SchedulerFigures
    operations: tuple[OperationFigures, ...] = ()
    cache: CacheFigures = CacheFigures()
    queries: tuple[QueryFigures, ...] = ()
    breakers: tuple[BreakerFigures, ...] = ()
    events: tuple[EventFigures, ...] = ()


def scheduler_figures(health: SchedulerHealth) -> SchedulerFigures:
    """A scheduler's health as it is stored and shown."""
    return SchedulerFigures(
        state=WorkerState(health.state.value),
        errors_in_a_row=health.errors_in_a_row,
        resting_until=health.paused_until,
        stages=tuple(
            StageFigures(
                operation=one.stage,
                running=one.running,
                missed=one.missed,
                overlapped=one.overlapped,
                next_at=one.next_run_at,
                last_error=one.last_error,
            )
            for one in health.stages
        ),
    )


def breaker_figures(status: BreakerStatus) -> BreakerFigures:
    """A breaker's status as it is stored and shown."""
    return BreakerFigures(call=status.name, state=status.state.value, failures=status.failures)
