"""The one place that hears everything a process does, and passes it to ledger, telemetry and journal."""

from dataclasses import dataclass, field

from claimbench.impl.events import Event, EventKind
from claimbench.impl.ports import StageReport
from claimbench.impl.service.journal import Journal, Level
from claimbench.impl.service.ledger import Ledger, StageRun
from claimbench.impl.service.telemetry import Telemetry

_COUNTED_ONLY = frozenset(
    {
        EventKind.CACHE_HIT,
        EventKind.CACHE_MISS,
        EventKind.CHOICE,
        EventKind.STAGE_DONE,
    }
)
"""Several a minute and told otherwise: they would drown the rest of the log."""

_INFORMATIVE = frozenset(
    {
        EventKind.CACHE_REFRESH,
        EventKind.CACHE_INVALIDATION,
        EventKind.BREAKER_CLOSED,
        EventKind.SWITCH,
    }
)


@dataclass(frozen=True, slots=True)
class Observer:
    """Hears events, stage runs and statements."""

    journal: Journal
    telemetry: Telemetry
    ledger: Ledger = field(default_factory=Ledger)

    def event(self, event: Event) -> None:
        """An event of a pipeline: an `EventSink`."""
        self.ledger.event(event)
        self.telemetry.event(event.kind)
        if event.kind not in _COUNTED_ONLY:
            self.journal.note(event.kind.value, event.detail, level=_level(event.kind))

    def stage_ran(self, run: StageRun) -> None:
        """A stage has ended, one way or the other."""
        self.ledger.stage_ran(run)
        outcome = "error" if run.report is None else "ok"
        self.telemetry.stage(run.stage, run.pipeline, outcome, run.seconds)
        if run.report == StageReport(run.stage):
            return  # a run that found nothing to do is counted, but would drown the log
        level = Level.ERROR if run.report is None else Level.INFO
        took_ms = round(run.seconds * 1000, 3)
        self.journal.note(run.stage.value, _told(run), level=level, duration_ms=took_ms)

    def pipeline_query(self, statement: str, seconds: float) -> None:
        """The pipeline's engine executed a statement."""
        self.ledger.query(statement, seconds)
        self.telemetry.query("pipeline", statement, seconds)

    def service_query(self, statement: str, seconds: float) -> None:
        """The service's engine executed a statement."""
        self.telemetry.query("service", statement, seconds)


def _level(kind: EventKind) -> Level:
    if kind is EventKind.STAGE_FAILED:
        return Level.ERROR
    return Level.INFO if kind in _INFORMATIVE else Level.WARNING


def _told(run: StageRun) -> str:
    if run.report is None:
        return f"{run.pipeline}: ended in an error"
    report = run.report
    return (
        f"{run.pipeline}: {report.claimed} claimed, {report.created} created, {report.completed} completed, "
        f"{report.failed} failed, {report.skipped} skipped"
    )
