"""The service under load: `claimbench serve` in a process of its own, on a database that is ours."""

import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from sqlalchemy import URL, create_engine, func, insert, select

from claimbench.errors import InvalidMeasurementError
from claimbench.impl.schema import Company, CompanyApiKey, Session
from claimbench.impl.service.worker_factory import LEASE
from claimbench.impl.statuses import CompanyStatus
from claimbench.loadgen.load.plan import TenantKey
from claimbench.loadgen.load.planning import Access
from claimbench.loadgen.processes.scratch import scratch_folder

READY = "claimbench: serving on "
"""How the line begins that the service prints when it is ready."""

START_S, STOP_S = 30.0, 40.0
TENANTS_MAX = 200
LONGEST_INTERVAL = timedelta(minutes=5)
"""How often the document's timetable creates batches; the service is told how much faster to go."""


def timetable_speed(interval: timedelta) -> float:
    """How many times as fast the timetable goes that creates batches at this interval."""
    return LONGEST_INTERVAL / interval


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Which service to start: its pipeline, its database, its API, and how much faster its timetable goes."""

    pipeline: str
    url: URL
    api_url: str
    interval: timedelta
    lease: timedelta = LEASE


@dataclass(frozen=True, slots=True)
class TestedService:
    """A running service, the keys that it knows, and its process."""

    access: Access
    process: psutil.Process

    def cpu_s(self) -> float:
        """The processor time that it has used so far, in seconds."""
        with suppress(psutil.Error):
            times = self.process.cpu_times()
            return float(times.user + times.system)
        return 0.0

    def memory_bytes(self) -> int:
        """Its resident memory now."""
        with suppress(psutil.Error):
            return int(self.process.memory_info().rss)
        return 0


_ACTIVE = (
    select(Company.id, func.min(Session.id))
    .outerjoin(Session, Session.company_id == Company.id)
    .where(Company.status == CompanyStatus.ACTIVE)
    .group_by(Company.id)
    .order_by(Company.id)
)


@contextmanager
def running_service(settings: ServiceSettings) -> Iterator[TestedService]:
    """Start it with fresh keys for every active company; it is drained and ended with the block.

    Raises `InvalidMeasurementError` with its last words when it does not come up.
    """
    token = secrets.token_urlsafe(24)
    tenants = make_keys(settings.url)
    with scratch_folder("service") as folder:
        log = folder / "service.log"
        with log.open("wb") as stream, _started(settings, token, stream.fileno()) as process:
            host = _host(process, log)
            yield TestedService(Access(host, tenants, token), psutil.Process(process.pid))


def make_keys(url: URL) -> tuple[TenantKey, ...]:
    """A key for each active company, the first `TENANTS_MAX` of them; only their hashes are stored."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            companies = connection.execute(_ACTIVE.limit(TENANTS_MAX)).all()
            tenants = tuple(
                TenantKey(company_id=company_id, key=secrets.token_urlsafe(24), session_id=session_id)
                for company_id, session_id in companies
            )
            rows = [
                {
                    "company_id": each.company_id,
                    "key_sha256": hashlib.sha256(each.key.encode()).hexdigest(),
                    "created_at": func.now(),
                }
                for each in tenants
            ]
            for row in rows:
                connection.execute(insert(CompanyApiKey).values(**row))
            return tenants
    finally:
        engine.dispose()


@contextmanager
def _started(settings: ServiceSettings, token: str, log: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = (
        *(sys.executable, "-m", "claimbench.loadgen", "serve", "--pipeline", settings.pipeline),
        *("--host", "127.0.0.1", "--port", "0", "--speed", f"{timetable_speed(settings.interval):g}"),
        *("--lease", f"{settings.lease.total_seconds():g}"),
    )
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": settings.url.render_as_string(hide_password=False),
        "CLAIMBENCH_ADMIN_TOKEN": token,
        "OPENAI_BASE_URL": settings.api_url,
        "OPENAI_API_KEY": "claimbench-fake-key",
    }
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        env=environment,
        bufsize=0,
        start_new_session=True,
    )
    try:
        yield process
    except (KeyboardInterrupt, SystemExit):
        process.kill()  # whoever interrupts does not wait until it has drained
        raise
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _host(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address that it printed."""
    for _ in range(int(START_S * 20)):
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith(READY):
                return line.removeprefix(READY).strip()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines else "it said nothing"
    raise InvalidMeasurementError(
        "the service did not come up", where="claimbench serve", remedy=f"see its last words: {last}"
    )
