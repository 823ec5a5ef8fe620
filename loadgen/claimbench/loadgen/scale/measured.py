"""The process whose forks take turns of `claimbench scale`; started by `claimbench.loadgen.scale.turns`."""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import httpx
import psutil
from pydantic import TypeAdapter
from sqlalchemy import Engine, create_engine, make_url, text

from claimbench.impl.events import ignore
from claimbench.impl.optimized import OptimizedPipeline
from claimbench.impl.optimized.strategies import Strategies
from claimbench.impl.ports import Pipeline, PipelineContext, Policy, Stage
from claimbench.loadgen.fake_openai.server import FakeServer
from claimbench.loadgen.probes.memory import MemoryProbe
from claimbench.loadgen.probes.wire import WireProbe
from claimbench.loadgen.processes.bytecode import end_if_compiled
from claimbench.loadgen.processes.forked import forked
from claimbench.loadgen.processes.scratch import scratch_folder
from claimbench.loadgen.scale.end_state import left_behind
from claimbench.loadgen.scale.instant_api import InstantApi
from claimbench.loadgen.scale.turns import ScaleReading, ScaleTurn
from claimbench.loadgen.scale.waits import WaitProbe, WatchedApi
from claimbench.loadgen.workloads.batch_pipeline.arm_calls import build, take
from claimbench.loadgen.workloads.batch_pipeline.building import import_all, open_context
from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH, SimulatedClock
from claimbench.loadgen.workloads.batch_pipeline.session import SharedClock
from claimbench.reports.record.scale import StepReading

UNTIL_ENDED = timedelta(minutes=30)
"""How long after the batches were created the next stage comes: the API has ended them all by then."""

CONNECTIONS = 4
"""As many as a pool keeps, less one."""

_STRATEGIES = TypeAdapter(Strategies)


def main() -> None:
    """Take all turns that come, each in a fork."""
    import_all()
    end_if_compiled()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an arm prints is no answer
    for line in sys.stdin:
        turn = ScaleTurn.model_validate_json(line)
        answers.write(forked(partial(taken, turn)).answer() + "\n")
        answers.flush()


@dataclass(frozen=True, slots=True)
class OpenArm:
    """A pipeline on its database, simulated time, and what the world does between two stages."""

    engine: Engine
    pipeline: Pipeline
    clock: SimulatedClock
    between: Callable[[], None]
    sent: Callable[[], str]


def taken(turn: ScaleTurn) -> ScaleReading:
    """Warm up, take all stages, and say what they took; in a process of its own."""
    waits = WaitProbe()
    with _open(turn, turn.warm_up_url, waits) as arm:
        _steps(turn, arm, waits)
    gc.collect()
    gc.freeze()
    memory = MemoryProbe()
    with _open(turn, turn.url, waits) as arm:
        steps = _steps(turn, arm, waits)
        (peak,) = memory.lap()
        left, sent = left_behind(arm.engine), arm.sent()
    return ScaleReading(steps=steps, peak_memory_bytes=int(peak.value), left=left, sent=sent)


def _steps(turn: ScaleTurn, arm: OpenArm, waits: WaitProbe) -> tuple[StepReading, ...]:
    found = []
    with ExitStack() as stack:
        wire = stack.enter_context(WireProbe(arm.engine)) if turn.instrument == "wire" else None
        if turn.instrument == "waits":
            stack.enter_context(waits.on())
        server = _connected(arm.engine)
        for probe in (wire, waits):
            if probe is not None:
                probe.lap()
        for stage in Stage:
            found.append(_step(arm, stage, server))
            found[-1] = found[-1].model_copy(update=_looked_at(turn, wire, waits))
            if stage is Stage.CREATE_BATCHES:
                arm.clock.advance(UNTIL_ENDED)
            arm.between()
    return tuple(found)


def _connected(engine: Engine) -> psutil.Process | None:
    """The server's process; so many connections are in the pool that opening one is never the arm's work."""
    with ExitStack() as stack:
        opened = [stack.enter_context(engine.connect()) for _ in range(CONNECTIONS)]
        return _server_process(opened[0].execute(text("SELECT pg_backend_pid()")).scalar_one())


def _step(arm: OpenArm, stage: Stage, server: psutil.Process | None) -> StepReading:
    serving, client, begin = _cpu_s(server), time.process_time(), time.perf_counter()
    take(arm.pipeline, stage, arm.clock.now())
    seconds, client = time.perf_counter() - begin, time.process_time() - client
    served = None if serving is None else (_cpu_s(server) or serving) - serving
    return StepReading(step=stage.value, seconds=seconds, client_cpu_s=client, server_cpu_s=served)


def _looked_at(turn: ScaleTurn, wire: WireProbe | None, waits: WaitProbe) -> dict[str, float]:
    if wire is not None:
        counts = {reading.metric: int(reading.value) for reading in wire.lap()}
        return {name: counts[name] for name in ("round_trips", "statements", "row_bytes") if name in counts}
    if turn.instrument == "waits":
        waited = waits.lap()
        return {"database_s": waited.database_s, "api_s": waited.api_s, "both_s": waited.both_s}
    return {}


@contextmanager
def _open(turn: ScaleTurn, url: str, waits: WaitProbe) -> Iterator[OpenArm]:
    with ExitStack() as stack:
        if turn.service:
            server, client = FakeServer(turn.service), stack.enter_context(httpx.Client(timeout=60))
            client.post(server.reset_url).raise_for_status()
            clock: SimulatedClock = SharedClock(EPOCH, server.clock_url, client)
            context = stack.enter_context(open_context(make_url(url), turn.service))
            between, sent = _nothing, _unknown
        else:
            folder = stack.enter_context(scratch_folder("scale"))
            api = stack.enter_context(closing(InstantApi(folder, turn.failed_line_rate)))
            engine = create_engine(make_url(url))
            stack.callback(engine.dispose)
            context = PipelineContext(engine, api, Policy(), ignore)
            clock, between, sent = SimulatedClock(EPOCH), api.answer_all, lambda: str(api.sent)
        if turn.instrument == "waits":
            context = replace(context, api=WatchedApi(context.api, waits))
        yield OpenArm(context.engine, _pipeline(turn, context), clock, between, sent)


def _pipeline(turn: ScaleTurn, context: PipelineContext) -> Pipeline:
    if not turn.strategies:
        return build(turn.pipeline, context)
    return OptimizedPipeline(context, _STRATEGIES.validate_python(turn.strategies))


def _nothing() -> None:
    return


def _unknown() -> str:
    return ""


def _server_process(backend: int) -> psutil.Process | None:
    """The process above the one that serves us, if it is on this machine."""
    try:
        process = psutil.Process(backend)
        return process.parent() if process.name().startswith("postgres") else None
    except psutil.Error:
        return None


def _cpu_s(server: psutil.Process | None) -> float | None:
    """Of the server and all that it started, those that have ended too."""
    if server is None:
        return None
    try:
        own = server.cpu_times()
        living = [child.cpu_times() for child in server.children()]
    except psutil.Error:
        return None
    gone = getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
    return sum(each.user + each.system for each in (own, *living)) + gone
