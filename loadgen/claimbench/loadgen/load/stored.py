"""What became of the submitted requests: how long each took from its submission to its stored result."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from sqlalchemy import URL, Engine, NullPool, create_engine, func, select

from claimbench.impl.schema import Company, ProcessingRequest, Session
from claimbench.impl.statuses import CompanyStatus, RequestStatus
from claimbench.loadgen.load.histogram import Latencies
from claimbench.loadgen.load.recorder import latency
from claimbench.reports.record.load import Latency

ENDED = (
    RequestStatus.PROCESSING_COMPLETE,
    RequestStatus.PROCESSING_FAILED,
    RequestStatus.PROCESSING_ABANDONED,
)
LOOK_EACH_S = 0.25


@dataclass(frozen=True, slots=True)
class Stored:
    """Of the requests that were submitted since: times until stored, how many are, how many are not yet.

    One that is not stored yet counts with the time that it has waited so far, so that a pipeline which
    falls behind does not look fast.
    """

    end_to_end: Latency
    stored: int
    unfinished: int


class StoreWatch:
    """Looks at the requests of one database: at those of before until they are done, then at the new ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before = 0

    @classmethod
    def of(cls, url: URL) -> Self:
        """On connections of its own, one at a time and none kept."""
        return cls(create_engine(url, poolclass=NullPool))

    def settle(self, patience: timedelta) -> None:
        """Wait, not longer than this, until what was seeded is done; it also warms the service.

        From here on only later requests are looked at.
        """
        self._wait(patience)
        with self._engine.connect() as connection:
            self._before = connection.scalar(select(func.coalesce(func.max(ProcessingRequest.id), 0))) or 0

    def wait_and_read(self, patience: timedelta) -> Stored:
        """Wait until all are stored, but not longer than this; then tell."""
        self._wait(patience)
        return self._read()

    def _wait(self, patience: timedelta) -> None:
        deadline = time.monotonic() + patience.total_seconds()
        while self._unfinished() and time.monotonic() < deadline:
            time.sleep(LOOK_EACH_S)

    def _unfinished(self) -> int:
        left = (
            select(func.count())
            .select_from(ProcessingRequest)
            .join(Session, Session.id == ProcessingRequest.session_id)
            .join(Company, Company.id == Session.company_id)
            .where(
                ProcessingRequest.id > self._before,
                ProcessingRequest.status.not_in(ENDED),
                Company.status == CompanyStatus.ACTIVE,  # nobody works for the others
            )
        )
        with self._engine.connect() as connection:
            return int(connection.scalar(left) or 0)

    def _read(self) -> Stored:
        is_ended = ProcessingRequest.status.in_(ENDED)
        until = func.coalesce(ProcessingRequest.completed_at, func.clock_timestamp())
        seconds = func.extract("epoch", until - ProcessingRequest.requested_at)
        query = select(is_ended, seconds).where(ProcessingRequest.id > self._before)
        latencies, stored = Latencies(), 0
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        for ended, taken_s in rows:
            stored += bool(ended)
            latencies.record(float(taken_s))
        return Stored(latency(latencies), stored, len(rows) - stored)
