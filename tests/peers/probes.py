"""What counting costs each small statement of SQLAlchemy: ours and the counters of others, in turns."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from statistics import median

import pytest_queryguard
import queryspy
from figures import Figure
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import Engine, create_engine, text

from claimbench.loadgen.probes.wire import Source, WireProbe

STATEMENTS, ROUNDS = 250, 60
GROUP, UNIT = "counting probe", "µs per statement"
STATEMENT = text("SELECT 1")


def probe_figures(url: str) -> Iterator[Figure]:
    """What each adds to the same statements without it, just before or just after in turn: the median of many
    short rounds, for the processor's speed drifts by more than a probe takes.
    """
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    counters: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "claimbench's wire probe, with rows and bytes": lambda: WireProbe(engine),
        "claimbench's probe of events, which sees what the others see": (
            lambda: WireProbe(engine, Source.EVENTS)
        ),
        f"opentelemetry-instrumentation-sqlalchemy {version('opentelemetry-instrumentation-sqlalchemy')}": (
            lambda: _traced(engine)
        ),
        f"pytest-queryguard {version('pytest-queryguard')}": pytest_queryguard.record_queries,
        f"queryspy {version('queryspy')}": queryspy.record,
        f"queryspy {version('queryspy')}, without stacks": lambda: queryspy.record(capture_stacks=False),
    }
    _seconds(engine, nullcontext())
    added: dict[str, list[float]] = {name: [] for name in counters}
    for place in range(ROUNDS):
        for name, counter in counters.items():
            turns = (nullcontext(), counter()) if place % 2 else (counter(), nullcontext())
            first, second = (_seconds(engine, turn) for turn in turns)
            added[name].append(second - first if place % 2 else first - second)
    engine.dispose()
    for name, found in added.items():
        yield Figure(GROUP, name, median(found) / STATEMENTS * 1e6, UNIT)


@contextmanager
def _traced(engine: Engine) -> Iterator[None]:
    """Spans are made and ended; nobody exports them."""
    instrumentor = SQLAlchemyInstrumentor()
    instrumentor.instrument(engine=engine, tracer_provider=TracerProvider(), skip_dep_check=True)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def _seconds(engine: Engine, counter: AbstractContextManager[object]) -> float:
    """The processor's seconds of this process, which others on the machine do not lengthen."""
    with counter as probe, engine.connect() as connection:
        connection.execute(STATEMENT)
        started = time.process_time()
        for _ in range(STATEMENTS):
            connection.execute(STATEMENT)
        read = probe.lap() if isinstance(probe, WireProbe) else ()  # it reads its trace now
        taken = time.process_time() - started
    if isinstance(probe, WireProbe) and max(one.value for one in read) < STATEMENTS:
        raise RuntimeError(f"the probe saw only {read}")
    return taken
