"""Where a process is put together: `claimbench serve` and `claimbench worker` in full."""

import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import URL, Engine

from claimbench.errors import UsageError
from claimbench.impl.service.activity import Observer
from claimbench.impl.service.app import ServiceSetup, create_app
from claimbench.impl.service.database import check_schema, create_schema, service_engine
from claimbench.impl.service.hosting import Announce, host, is_loopback, listen
from claimbench.impl.service.journal import Journal
from claimbench.impl.service.limits import DEFAULT_LIMITS, ServiceLimits
from claimbench.impl.service.staffing import WorkerOptions, staffed
from claimbench.impl.service.telemetry import Telemetry
from claimbench.impl.service.worker import Worker, new_worker_name

TOKEN_VARIABLE = "CLAIMBENCH_ADMIN_TOKEN"  # noqa: S105 (the variable's name, not a token)
TOKEN_CHARACTERS_MIN = 16


class SchedulerPlace(StrEnum):
    """Where the stages run: in the serving process, or in workers of their own."""

    INSIDE = "inside"
    NONE = "none"


class SchemaCare(StrEnum):
    """What to do about the tables: expect them, or make them in an empty database."""

    EXPECT = "expect"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `claimbench serve` was asked for. Port 0 takes a free one."""

    worker: WorkerOptions
    host: str = "127.0.0.1"
    port: int = 8000
    scheduler: SchedulerPlace = SchedulerPlace.INSIDE
    schema: SchemaCare = SchemaCare.EXPECT
    limits: ServiceLimits = DEFAULT_LIMITS


def serve(options: ServeOptions, announce: Announce) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is being served. UsageError for what cannot be used."""
    _log_to_terminal()
    token = _admin_token(announce)
    with _opened(options.worker.url, options.schema, options.limits) as engine:
        name = new_worker_name()
        observer = Observer(Journal(engine, name), Telemetry())
        with _inside(options, name, engine, observer) as worker:
            setup = ServiceSetup(
                engine, token, observer, options.limits, worker, pipeline=options.worker.pipeline
            )
            app = create_app(setup)
            listening = listen(options.host, options.port)
            address = _address(options.host, listening.getsockname()[1])
            if not is_loopback(options.host):
                announce(f"warning: {address} can be reached from other machines, and speaks plain HTTP")
            host(app, listening, options.limits, lambda: announce(f"serving on {address}"))
    announce("stopped; what was being served was finished")


def work(options: WorkerOptions, schema: SchemaCare, announce: Announce) -> None:
    """Run the stages until SIGTERM or Ctrl-C, then finish those that run."""
    _log_to_terminal()
    with _opened(options.url, schema, DEFAULT_LIMITS) as engine:
        name = new_worker_name()
        observer = Observer(Journal(engine, name), Telemetry())
        with staffed(options, name, engine, observer) as worker:
            ends = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ends.set())
            worker.start()
            announce(f"worker {name} runs {options.pipeline}")
            ends.wait()
            worker.stop()
    announce("stopped; no stage was cut off")


@contextmanager
def _opened(url: URL, schema: SchemaCare, limits: ServiceLimits) -> Iterator[Engine]:
    engine = service_engine(url, limits)
    try:
        if schema is SchemaCare.CREATE:
            create_schema(engine)
        else:
            check_schema(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _inside(options: ServeOptions, name: str, engine: Engine, observer: Observer) -> Iterator[Worker | None]:
    if options.scheduler is SchedulerPlace.NONE:
        yield None
        return
    with staffed(options.worker, name, engine, observer) as worker:
        yield worker


def _admin_token(announce: Announce) -> str:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        token = secrets.token_urlsafe(24)
        announce(f"admin token for this run (set {TOKEN_VARIABLE} to choose your own): {token}")
    elif len(token) < TOKEN_CHARACTERS_MIN:
        raise UsageError(
            f"the admin token has less than {TOKEN_CHARACTERS_MIN} characters",
            where=TOKEN_VARIABLE,
            remedy="set a longer one, or unset it to have one made",
        )
    return token


def _address(host_name: str, port: int) -> str:
    return f"http://[{host_name}]:{port}" if ":" in host_name else f"http://{host_name}:{port}"


def _log_to_terminal() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # overlapping runs are counted and shown
