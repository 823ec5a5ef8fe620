"""A process that runs the stages: it tells every second how it is, and does what the orders say."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from claimbench.impl.breaker import BreakerStatus
from claimbench.impl.errors import PipelineLookupError
from claimbench.impl.scheduler import PipelineScheduler
from claimbench.impl.schema import ServiceWorker
from claimbench.impl.service.activity import Observer
from claimbench.impl.service.control import Control, DesiredState
from claimbench.impl.service.figures import WorkerReport, breaker_figures, scheduler_figures
from claimbench.impl.service.operations_log import Level
from claimbench.impl.service.pipeline_switch import PipelineSwitch

HEARTBEAT_S = 1.0
FORGOTTEN_AFTER = timedelta(hours=1)
_log = logging.getLogger(__name__)


def new_worker_name() -> str:
    """Host, process and four random digits: unique among all that share a database."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is made of. `breakers` tells the state of the API's circuit breakers."""

    name: str
    speed: float
    engine: Engine
    pipelines: PipelineSwitch
    scheduler: PipelineScheduler
    observer: Observer
    breakers: Callable[[], tuple[BreakerStatus, ...]]


class Worker:
    """Start it, and stop it: then the stages that run are waited for and the last figures are written."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._own_pipeline = parts.pipelines.name
        self._control = Control(parts.engine)
        self._obeyed: DesiredState | None = None
        self._started_at = datetime.now(UTC)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="claimbench-heartbeat", daemon=True)

    def start(self) -> None:
        """Obey the orders that stand, then run the stages."""
        self._parts.scheduler.start()
        self.tick()
        self._parts.observer.operations_log.note("worker", f"started with {self._parts.pipelines.name}")
        self._thread.start()

    def stop(self) -> None:
        """End well: no stage is cut off, and nothing that is known gets lost."""
        self._ends.set()
        self._thread.join()
        self._parts.scheduler.stop()
        self._parts.observer.operations_log.note("worker", "stopped")
        self.tick()

    def is_alive(self) -> bool:
        """Whether the heart beats."""
        return self._thread.is_alive()

    def report(self) -> WorkerReport:
        """How it is now."""
        parts, counters = self._parts, self._parts.observer.counters
        return WorkerReport(
            name=parts.name,
            pipeline=parts.pipelines.name,
            speed=parts.speed,
            started_at=self._started_at,
            seen_at=datetime.now(UTC),
            scheduler=scheduler_figures(parts.scheduler.health()),
            operations=counters.operations(),
            cache=counters.cache(),
            queries=counters.queries(),
            breakers=tuple(breaker_figures(one) for one in parts.breakers()),
            events=counters.events(),
        )

    def tick(self) -> None:
        """One heartbeat: obey, report, write the log. A database that is away is met again at the next."""
        self._parts.pipelines.clean_up(datetime.now(UTC))
        try:
            self._obey(self._control.read())
            self._tell(self.report())
            self._parts.observer.operations_log.flush()
        except SQLAlchemyError as error:
            _log.warning("heartbeat: the database did not answer (%s)", type(error).__name__)

    def _beat(self) -> None:
        beats = 0
        while not self._ends.wait(HEARTBEAT_S):
            self.tick()
            beats += 1
            if beats % 3600 == 1:
                self._tidy_up()

    def _obey(self, orders: DesiredState) -> None:
        before, self._obeyed = self._obeyed, orders
        if orders == before:
            return
        if before is None or orders.paused != before.paused:
            if orders.paused:
                self._parts.scheduler.pause()
            elif before is not None:
                self._parts.scheduler.resume()
        if before is not None and orders.cache_epoch != before.cache_epoch:
            self._parts.pipelines.invalidate_cache()
        self._switch(orders.pipeline or self._own_pipeline)

    def _switch(self, wanted: str) -> None:
        if wanted == self._parts.pipelines.name:
            return
        try:
            self._parts.pipelines.switch(wanted)
        except PipelineLookupError as error:
            self._parts.observer.operations_log.note("switch", str(error), level=Level.ERROR)
        else:
            self._parts.observer.operations_log.note("switch", f"the stages run on {wanted} now")

    def _tell(self, report: WorkerReport) -> None:
        values = {"seen_at": report.seen_at, "report": report.model_dump_json()}
        row = postgresql.insert(ServiceWorker).values(name=report.name, **values)
        with self._parts.engine.begin() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))

    def _tidy_up(self) -> None:
        try:
            self._parts.observer.operations_log.forget_old()
            limit = datetime.now(UTC) - FORGOTTEN_AFTER
            with self._parts.engine.begin() as connection:
                connection.execute(delete(ServiceWorker).where(ServiceWorker.seen_at < limit))
        except SQLAlchemyError as error:
            _log.warning("tidying up: the database did not answer (%s)", type(error).__name__)
