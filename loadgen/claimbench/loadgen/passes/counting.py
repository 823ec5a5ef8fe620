"""The counting pass: exact numbers of each arm on its own clone, stage by stage, with every probe on."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from claimbench.impl.ports import Stage
from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.fake_openai.core import FakeOpenAI
from claimbench.loadgen.passes.same_work import ApiWork, WorkDone
from claimbench.loadgen.probes import Reading
from claimbench.loadgen.probes.server import ServerProbe
from claimbench.loadgen.probes.wire import WireProbe
from claimbench.loadgen.workloads.batch_pipeline.final_state import read_final_state
from claimbench.loadgen.workloads.batch_pipeline.session import Stand, open_stand
from claimbench.loadgen.workloads.batch_pipeline.timetable import StageDone, drive
from claimbench.reports.record.values import Sample
from claimbench.scenarios.model import Arm, Scenario

WIRE_METRICS = frozenset(
    {
        *("round_trips", "logical_executions", "commits", "row_bytes", "statements"),
        *("company_lookups", "pending_lookups", "status_lookups", "failed_lookups"),
    }
)
"""What is taken from the wire; the rest of what the server counts too is taken from the server."""

STAGE_OF_LOOKUP = {
    "pending_lookups": Stage.CREATE_BATCHES,
    "status_lookups": Stage.CHECK_STATUSES,
    "failed_lookups": Stage.RETRY_FAILED,
}

WITHIN_CACHE_LIFE = timedelta(minutes=1)
"""How long after a scheduler run the next one comes whose company look-ups are the cached ones."""


@dataclass
class Tally:
    """Readings added up, by stage and metric."""

    sums: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    units: dict[str, str] = field(default_factory=dict)

    def add(self, stage: Stage, readings: Iterable[Reading]) -> None:
        """Count the readings to their stage and to the whole run."""
        for reading in readings:
            if STAGE_OF_LOOKUP.get(reading.metric, stage) is not stage:
                continue
            self.units[reading.metric] = reading.unit
            self.sums[stage.value, reading.metric] += reading.value
            if reading.metric not in STAGE_OF_LOOKUP:
                self.sums["run", reading.metric] += reading.value


@dataclass(frozen=True, slots=True)
class Instruments:
    """The probes of one arm, read together."""

    wire: WireProbe
    server: ServerProbe
    fake: FakeOpenAI
    submitted: list[ApiWork] = field(default_factory=list)
    """What the arm has asked of the API, up to the latest lap."""

    def lap(self) -> tuple[Reading, ...]:
        """Everything since the previous lap."""
        meters = self.fake.meters()
        calls = Reading("api_calls", "count", meters.total_calls)
        self.submitted.extend(
            ApiWork(work.channel.value, work.custom_id, work.body.decode()) for work in meters.submitted
        )
        self.fake.reset_meters()
        wire = [reading for reading in self.wire.lap() if reading.metric in WIRE_METRICS]
        return (*wire, *self.server.lap(), calls)


@dataclass(frozen=True, slots=True)
class Counted:
    """What an arm needed, and what it did with it."""

    samples: tuple[Sample, ...]
    work: WorkDone


@dataclass(frozen=True, slots=True)
class CountingPass:
    """What the pass needs, for one number of companies."""

    scenario: Scenario
    server: Server
    workshop: Workshop
    templates: Mapping[str, Template]
    companies: int
    repeat: int = 0
    """Which time this is, from 0: repeats show that a counter is exact."""

    def run(self, progress: Progress, clones: ExitStack) -> Iterator[Sample]:
        """Yield the samples of each arm; the clones go when the caller lets them."""
        for arm in self.scenario.arms:
            progress.step(f"counting: {arm.name}, {self.companies} companies, time {self.repeat + 1}")
            yield from self.count(arm, clones).samples

    def count(self, arm: Arm, clones: ExitStack) -> Counted:
        """One arm on a clone of its own, which goes when the caller lets it."""
        url = clones.enter_context(self.workshop.clone(self.templates[arm.name]))
        with ExitStack() as stack:
            stand = stack.enter_context(open_stand(arm.pipeline, url, self.scenario.api))
            wire = stack.enter_context(WireProbe(stand.engine))
            server = stack.enter_context(ServerProbe(self.server, url))
            with stand.engine.connect():  # a new connection's first questions are not the arm's work
                pass
            instruments = Instruments(wire, server, stand.fake)
            instruments.lap()
            samples = list(self._workload(arm, stand, instruments))
            work = WorkDone(arm.name, read_final_state(stand.engine), tuple(instruments.submitted))
            instruments.lap()  # what was read just now is not the arm's
            cached = _cached_company_lookups(stand, instruments)
            samples.append(self._sample(arm, "run", "company_lookups_cached", "count", cached))
        return Counted(tuple(samples), work)

    def _workload(self, arm: Arm, stand: Stand, instruments: Instruments) -> Iterator[Sample]:
        tally, first_run = Tally(), Tally()

        def observe(done: StageDone) -> None:
            readings = instruments.lap()
            tally.add(done.stage, readings)
            if done.run == 0:
                first_run.add(done.stage, readings)

        workload = self.scenario.workload
        drive(stand.pipeline, stand.clock, workload.runs, workload.step, observe)
        for (stage, metric), total in sorted(tally.sums.items()):
            if metric != "company_lookups":
                yield self._sample(arm, stage, metric, tally.units[metric], total / workload.runs)
        active = self.templates[arm.name].facts.active_companies
        yield self._sample(arm, "run", "active_companies", "count", active)
        first = first_run.sums["run", "company_lookups"]
        yield self._sample(arm, "run", "company_lookups_first", "count", first)

    def _sample(self, arm: Arm, stage: str, metric: str, unit: str, value: float) -> Sample:
        return Sample(
            arm=arm.name,
            block=self.repeat,
            stage=stage,
            metric=metric,
            unit=unit,
            value=value,
            rtt_ms=0.0,
            size=self.companies,
        )


def _cached_company_lookups(stand: Stand, instruments: Instruments) -> float:
    """Company look-ups of a further scheduler run that follows another one within the cache's life."""
    tally = Tally()

    def observe(done: StageDone) -> None:
        readings = instruments.lap()
        if done.run == 1:
            tally.add(done.stage, readings)

    drive(stand.pipeline, stand.clock, 2, WITHIN_CACHE_LIFE, observe)
    return tally.sums["run", "company_lookups"]
