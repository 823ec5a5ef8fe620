"""The counting pass: exact numbers of each arm on its own clone, step by step, with every probe on."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from claimbench.loadgen.passes.bench_at_size import BenchAtSize
from claimbench.loadgen.probes.reading import Reading
from claimbench.loadgen.probes.server import ServerProbe
from claimbench.loadgen.probes.statements import StatementCount
from claimbench.loadgen.probes.wire import WireProbe
from claimbench.loadgen.workloads.port import ArmSession, Database, Lap, StepDone, drive
from claimbench.loadgen.workloads.work import WorkDone
from claimbench.reports.record.values import Sample
from claimbench.scenarios.metrics import RUN, has_run
from claimbench.scenarios.model import Arm

WIRE_METRICS = frozenset({"round_trips", "logical_executions", "commits", "row_bytes", "statements"})
"""What is taken from the wire; the rest of what the server counts too is taken from the server."""


@dataclass
class Tally:
    """Readings added up, by step and metric."""

    sums: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    units: dict[str, str] = field(default_factory=dict)

    def add(self, step: str, readings: Iterable[Reading]) -> None:
        """Count the readings to their step, and to the whole run where the metric has one."""
        for reading in readings:
            self.units[reading.metric] = reading.unit
            self.sums[step, reading.metric] += reading.value
            if has_run(reading.metric):
                self.sums[RUN, reading.metric] += reading.value


@dataclass(frozen=True, slots=True)
class Instruments:
    """The probes of one arm, read together."""

    session: ArmSession
    wire: WireProbe
    server: ServerProbe

    def lap(self, run: int, step: str) -> tuple[Reading, ...]:
        """Everything since the previous lap, which was this step."""
        lap = Lap(run, step, self.wire.statements())
        wire = [reading for reading in self.wire.lap() if reading.metric in WIRE_METRICS]
        return (*wire, *self.server.lap(), *self.session.readings(lap))

    def restart(self) -> None:
        """What was sent and counted so far is not the arm's work."""
        self.wire.lap()
        self.server.lap()

    def sent(self) -> tuple[StatementCount, ...]:
        """The statements since this or a lap was called last."""
        found = self.wire.statements()
        self.wire.lap()
        return found


@dataclass(frozen=True, slots=True)
class Counted:
    """What an arm needed, and what it did with it."""

    samples: tuple[Sample, ...]
    done: WorkDone


@dataclass(frozen=True, slots=True)
class CountingPass:
    """Counts at one size."""

    at: BenchAtSize

    def run(self, clones: ExitStack) -> Iterator[Sample]:
        """Yield the samples of each arm; the clones go when the caller lets them."""
        at = self.at
        for arm in at.scenario.arms:
            told = f"{at.size} {at.workload.words.size}, time {at.repeat + 1}"
            at.bench.progress.step(f"counting: {arm.name}, {told}")
            yield from self.count(arm, clones).samples

    def count(self, arm: Arm, clones: ExitStack) -> Counted:
        """One arm on a clone of its own, which goes when the caller lets it."""
        at = self.at
        url = clones.enter_context(at.clone(arm))
        with ExitStack() as stack:
            session = stack.enter_context(at.workload.open(arm, Database(url)))
            wire = stack.enter_context(WireProbe(session.connections))
            server = stack.enter_context(ServerProbe(at.bench.server, url))
            with session.connections.connect():  # a new connection's first questions are not the arm's work
                pass
            instruments = Instruments(session, wire, server)
            instruments.restart()
            tally = Tally()

            def observe(done: StepDone) -> None:
                tally.add(done.step, instruments.lap(done.run, done.step))

            runs = at.scenario.workload.runs
            drive(session, at.workload.steps, runs, observe)
            done = WorkDone(arm.name, session.work())
            instruments.restart()  # what was read just now is not the arm's
            samples = [
                at.sample(arm, step, Reading(metric, tally.units[metric], total / runs))
                for (step, metric), total in sorted(tally.sums.items())
            ]
            samples += [at.sample(arm, RUN, each) for each in session.closing_readings(instruments.sent)]
        return Counted(tuple(samples), done)
