"""From a scenario to a result record: the passes in their order, on one bench."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.opening import WARM_UP_SIZE, Bench, open_bench
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.passes.bench_at_size import BenchAtSize
from claimbench.loadgen.passes.concurrent import concurrent
from claimbench.loadgen.passes.equivalence import EquivalencePass
from claimbench.loadgen.passes.exact import ExactPasses
from claimbench.loadgen.passes.memory import MemoryPass
from claimbench.loadgen.passes.timing import TimedBlock, TimingPass
from claimbench.loadgen.probes.machine import BUSY_ELSEWHERE_MOST, ElsewhereProbe, environment
from claimbench.loadgen.processes.forks import Forks
from claimbench.loadgen.workloads.port import Workload
from claimbench.loadgen.workloads.registry import workload_of
from claimbench.reports.judge.conclude import RunFacts, judge
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import ArmRecord, Equivalence, Sample, Scalar
from claimbench.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the user asked for: the scenario with its arms settled, the database, and the words of it."""

    scenario: Scenario
    database: str
    command: str


def run_scenario(request: RunRequest, forks: Forks, progress: Progress) -> ResultRecord:
    """Run every pass and judge; equivalence comes first, and without it nothing is measured."""
    scenario = request.scenario
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    workload = workload_of(scenario)
    for arm in scenario.arms:
        workload.check(arm)
    with open_bench(scenario, request.database, progress) as bench:
        facts = Passes(scenario, workload, bench, forks).measure()
    return judge(
        scenario,
        replace(facts, started_at=started_at, version=version("claimbench"), command=request.command),
    )


@dataclass(frozen=True, slots=True)
class Passes:
    """One run on one bench, pass by pass."""

    scenario: Scenario
    workload: Workload
    bench: Bench
    forks: Forks

    def measure(self) -> RunFacts:
        """The facts of all passes; those of the equivalence pass alone when the arms differ.

        Timing comes before most of counting, which leaves much for a checkpoint to write. Memory is taken
        while counting goes on.
        """
        scenario, size = self.scenario, self.scenario.dataset.size
        templates = self._templates(size)
        compared = EquivalencePass(BenchAtSize(scenario, self.workload, self.bench, templates, size)).run()
        facts = self._facts(templates, compared.equivalence)
        if not compared.equivalence.equal:
            return facts
        warm_up_templates = self._templates(WARM_UP_SIZE)
        with ExitStack() as stack:
            ways = [stack.enter_context(self.bench.way(rtt)) for rtt in sorted({*scenario.network.rtt_ms})]
            timing = TimingPass(
                scenario, self.workload, self.bench, templates, warm_up_templates, ways, self.forks
            )
            elsewhere = ElsewhereProbe()
            blocks = [*until_unproven(timing.run(), compared.work)]
            busy = elsewhere.share()
        if unproven := unproven_turns(blocks, compared.work):
            return _differing(facts, unproven)
        by_size = {each: self._templates(each) for each in sorted({*scenario.workload.memory_sizes, size})}
        memory = MemoryPass(scenario, self.workload, self.bench, by_size, warm_up_templates, self.forks)
        with concurrent(lambda: [*memory.run()], memory.stop) as remembered:
            counted = [*self._counted()]
            if not remembered.done():
                self.bench.progress.step("counting is done, memory goes on")
        timed = [sample for block in blocks for sample in timing.samples(block)]
        remembered_samples = [sample for block in remembered.result() for sample in memory.samples(block)]
        if unproven := tuple(memory.unproven(remembered.result())):
            return _differing(facts, unproven)
        return replace(
            facts,
            samples=(*compared.samples, *counted, *remembered_samples, *timed),
            environment={**facts.environment, **_achieved(ways), "busy_elsewhere_share": round(busy, 3)},
            time_invalid="; ".join(self._doubts_of_time(ways, busy)),
        )

    def _doubts_of_time(self, ways: Sequence[Relayed], busy: float) -> Iterator[str]:
        """Why time may not be judged; what runs beside matters only where time is."""
        yield from (way.doubt for way in ways if way.doubt)
        if busy > BUSY_ELSEWHERE_MOST and any(claim.metric == "time" for claim in self.scenario.claims):
            yield (
                f"other programs used {100 * busy:.0f} % of all cores while time was taken: end what runs "
                "beside, and run again"
            )

    def _templates(self, size: int) -> Mapping[str, Template]:
        return self.bench.templates(self.workload, self.scenario.arms, size)

    def _counted(self) -> Iterator[Sample]:
        settings = self.scenario.workload
        passes = ExactPasses(self.scenario, self.workload, self.bench)
        full_size = self.scenario.dataset.size
        for size in sorted({*settings.sizes, full_size}):
            at_full_size = size == full_size  # the equivalence pass has counted that once
            repeats, counted = (settings.repeats, 1) if at_full_size else (1, 0)
            yield from passes.repeated(self._templates(size), size, repeats, counted=counted)

    def _facts(self, templates: Mapping[str, Template], equivalence: Equivalence) -> RunFacts:
        server, template = self.bench.server, next(iter(templates.values()))
        return RunFacts(
            samples=(),
            environment={
                **environment(),
                **server.settings(),
                "server": server.description,
                "database_kind": server.kind.value,
            },
            dataset={"hash": template.digest, **template.facts, "bytes": template.bytes},
            arms=tuple(
                ArmRecord(name=arm.name, pipeline=arm.pipeline, role=arm.role.value, indexes=arm.indexes)
                for arm in self.scenario.arms
            ),
            equivalence=equivalence,
            words=self.workload.words,
            started_at="",
            version="",
        )


def until_unproven(blocks: Iterable[TimedBlock], work: str) -> Iterator[TimedBlock]:
    """The blocks up to the first in which a turn did other work: what comes after it would be of no use."""
    for block in blocks:
        yield block
        if unproven_turns((block,), work):
            return


def unproven_turns(blocks: Iterable[TimedBlock], work: str) -> tuple[str, ...]:
    """A sentence for each turn of the timing pass that did other work than what was proved to be right.

    work: the digest of the equivalence pass.
    """
    return tuple(
        f"timing, block {block.number}: {turn.arm} at {turn.rtt_ms:g} ms did not do the work that was proved"
        for block in blocks
        for turn in block.turns
        if turn.work != work
    )


def _differing(facts: RunFacts, differences: tuple[str, ...]) -> RunFacts:
    """The same without samples, for the arms did not do the same work."""
    equivalence = facts.equivalence.model_copy(update={"equal": False, "differences": differences})
    return replace(facts, equivalence=equivalence)


def _achieved(ways: Sequence[Relayed]) -> Mapping[str, Scalar]:
    achieved = {f"rtt_{way.asked_ms:g}_ms_achieved": round(way.achieved_ms, 3) for way in ways}
    noise = {f"rtt_{way.asked_ms:g}_ms_noise": round(way.noise_ms, 3) for way in ways if way.asked_ms}
    return {**achieved, **noise}
