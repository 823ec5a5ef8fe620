"""What administrators see: the queue per company and operation, the workers, and whether all is well."""

import threading
import time
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import SQLAlchemyError

from claimbench.impl.ports import Stage
from claimbench.impl.schema import OperationLogEntry, ServiceWorker
from claimbench.impl.service.control import Control
from claimbench.impl.service.figures import SchedulerFigures, WorkerReport, WorkerState
from claimbench.impl.service.problems import Problem
from claimbench.impl.service.queue_table import QueueRow, read_queue

LOST_AFTER = timedelta(seconds=10)
SHOWN_FOR = timedelta(minutes=10)
"""How long a worker that has stopped or was lost is still shown."""
FRESH_S = 2.5
"""However many watch, the queue is counted once in this time: longer than from one sample to the next, so
that who looks is shown what the curves show.
"""
DEAD = (WorkerState.STOPPED, WorkerState.LOST)
PAUSED_NOTE = "paused the scheduler"
"""How the line of the log begins that tells who did so."""


class Health(StrEnum):
    """One word for everything."""

    WELL = "well"
    PAUSED = "paused"
    TROUBLED = "troubled"
    STOPPED = "stopped"


class Overview(BaseModel):
    """Everything at one moment; `reasons` are sentences and say why health is not `well`."""

    model_config = ConfigDict(frozen=True)

    taken_at: datetime
    health: Health
    reasons: tuple[str, ...]
    paused: bool
    ordered_pipeline: str | None
    queue: tuple[QueueRow, ...]
    workers: tuple[WorkerReport, ...]

    @property
    def pending(self) -> int:
        """How many requests wait to be batched, of all companies."""
        return sum(row.waiting for row in self.queue if row.operation is Stage.CREATE_BATCHES)

    def filtered(self, company_id: int | None, operation: Stage | None) -> "Overview":
        """Only what is about this company and this operation; None does not restrict."""
        queue = tuple(
            row
            for row in self.queue
            if company_id in (None, row.company_id) and operation in (None, row.operation)
        )
        workers = tuple(_only(worker, operation) for worker in self.workers)
        return self.model_copy(update={"queue": queue, "workers": workers})


class Overviews:
    """Takes overviews, and gives the last one again while it is fresh."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._control = Control(engine)
        self._lock = threading.Lock()
        self._taken: Overview | None = None
        self._failure: SQLAlchemyError | None = None
        self._until = 0.0

    @property
    def last(self) -> Overview | None:
        """The last one that could be taken, however old."""
        return self._taken

    def look(self) -> Overview:
        """The overview, at most 2.5 s old; SQLAlchemyError when the database did not answer as lately."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._renew()
            return self._shown()

    def renew(self) -> Overview:
        """The overview of now; SQLAlchemyError when the database does not answer."""
        with self._lock:
            self._renew()
            return self._shown()

    def _renew(self) -> None:
        self._failure = None
        try:
            self._taken = self._take()
        except SQLAlchemyError as error:
            self._failure = error
        self._until = time.monotonic() + FRESH_S

    def _shown(self) -> Overview:
        if self._failure is not None or self._taken is None:
            raise self._failure or SQLAlchemyError("nothing was counted yet")
        return self._taken

    def forget(self) -> None:
        """Take a new overview next time: for somebody who has just changed something."""
        with self._lock:
            self._until = 0.0

    def _take(self) -> Overview:
        now = datetime.now(UTC)
        orders, workers = self._control.read(), self._workers(now)
        reasons = _reasons(workers)
        if orders.paused:
            reasons = (*self._who_paused(), *reasons)
        return Overview(
            taken_at=now,
            health=health_of(workers, reasons, paused=orders.paused),
            reasons=reasons,
            paused=orders.paused,
            ordered_pipeline=orders.pipeline,
            queue=read_queue(self._engine),
            workers=workers,
        )

    def dismiss(self, name: str) -> None:
        """Show a worker that is no more no longer; Problem 404 for an unknown one, 409 for a living one."""
        now = datetime.now(UTC)
        known = {worker.name: worker.scheduler.state for worker in self._workers(now)}
        if name not in known:
            raise Problem(404, "not_found", "there is no such worker")
        if known[name] not in DEAD:
            raise Problem(409, "worker_alive", "this worker is alive; end its process first")
        gone = delete(ServiceWorker).where(ServiceWorker.name == name)
        with self._engine.connect() as connection:
            connection.execute(gone.where(ServiceWorker.seen_at <= now))
        self.forget()

    def _who_paused(self) -> tuple[str, ...]:
        entry = OperationLogEntry
        told = select(entry.detail, entry.at).where(
            entry.operation == "admin", entry.detail.startswith(PAUSED_NOTE)
        )
        with self._engine.connect() as connection:
            last = connection.execute(told.order_by(entry.id.desc()).limit(1)).one_or_none()
        if last is None:
            return ()
        return (f"{last.detail.removeprefix(PAUSED_NOTE).lstrip(', ')}, at {last.at:%H:%M:%S} UTC",)

    def _workers(self, now: datetime) -> tuple[WorkerReport, ...]:
        query = select(ServiceWorker.report).where(ServiceWorker.seen_at > now - SHOWN_FOR)
        with self._engine.connect() as connection:
            texts = connection.scalars(query.order_by(ServiceWorker.name)).all()
        return tuple(unless_lost(WorkerReport.model_validate_json(text), now) for text in texts)


def unless_lost(worker: WorkerReport, now: datetime) -> WorkerReport:
    """The report, marked when the worker was not seen for ten seconds and has not said that it stops."""
    if worker.scheduler.state is WorkerState.STOPPED or now - worker.seen_at < LOST_AFTER:
        return worker
    return worker.model_copy(update={"scheduler": SchedulerFigures(state=WorkerState.LOST)})


def health_of(workers: tuple[WorkerReport, ...], reasons: tuple[str, ...], *, paused: bool) -> Health:
    """Stopped without a living worker, then paused, then troubled by any reason."""
    if all(worker.scheduler.state in DEAD for worker in workers):
        return Health.STOPPED
    if paused:
        return Health.PAUSED
    return Health.TROUBLED if reasons else Health.WELL


def _reasons(workers: tuple[WorkerReport, ...]) -> tuple[str, ...]:
    living = [worker for worker in workers if worker.scheduler.state is not WorkerState.STOPPED]
    if not living:
        return ("no worker runs the stages: start one with `claimbench worker`",)
    return tuple(reason for worker in living for reason in _reasons_of(worker))


def _reasons_of(worker: WorkerReport) -> tuple[str, ...]:
    scheduler, reasons = worker.scheduler, []
    if scheduler.state is WorkerState.LOST:
        return (f"{worker.name} was last seen at {worker.seen_at:%H:%M:%S} UTC",)
    if scheduler.state is WorkerState.RESTING:
        reasons.append(f"{worker.name} rests after too many errors in a row")
    elif scheduler.errors_in_a_row:
        reasons.append(f"{worker.name} had {scheduler.errors_in_a_row} errors in a row")
    reasons += [
        f"the breaker of {one.call} is {one.state} in {worker.name}"
        for one in worker.breakers
        if one.state != "closed"
    ]
    return tuple(reasons)


def _only(worker: WorkerReport, operation: Stage | None) -> WorkerReport:
    if operation is None:
        return worker
    operations = tuple(one for one in worker.operations if one.operation is operation)
    return worker.model_copy(update={"operations": operations})
