"""From a scenario to a result record: the passes in their order, on one server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

from claimbench.impl.indexes import IndexSet
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.bench.databases import Server, Template, Workshop, open_server
from claimbench.loadgen.bench.relay import Relayed, relayed
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.passes.concurrent import beside
from claimbench.loadgen.passes.equivalence import EquivalencePass
from claimbench.loadgen.passes.exact import ExactPasses
from claimbench.loadgen.passes.memory import MemoryPass
from claimbench.loadgen.passes.timing import TimingPass
from claimbench.loadgen.probes.machine import environment
from claimbench.loadgen.processes.forks import Forks
from claimbench.reports.judge.conclude import RunFacts, judge
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import ArmRecord, Equivalence, Sample, Scalar
from claimbench.scenarios.model import Scenario

WARM_UP_COMPANIES = 2


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
    for arm in scenario.arms:
        find_pipeline(arm.pipeline)
    with (
        open_server(request.database, announce=progress.note, in_memory=scenario.server.in_memory) as server,
        Workshop(server, disposable=server.disposable) as workshop,
    ):
        site = Site(scenario, server, workshop, forks, progress)
        facts = site.measure()
    return judge(
        scenario,
        replace(facts, started_at=started_at, version=version("claimbench"), command=request.command),
    )


@dataclass(frozen=True, slots=True)
class Site:
    """One run on one server: where templates are kept and passes follow each other."""

    scenario: Scenario
    server: Server
    workshop: Workshop
    forks: Forks
    progress: Progress

    def measure(self) -> RunFacts:
        """The facts of all passes; those of the equivalence pass alone when the arms differ.

        Timing comes before most of counting, which leaves much for a checkpoint to write. Memory is taken
        beside counting.
        """
        templates = self._templates(self.scenario.dataset.companies)
        compared = EquivalencePass(self.scenario, self.server, self.workshop, templates).run(self.progress)
        facts = self._facts(templates, compared.equivalence)
        if not compared.equivalence.equal:
            return facts
        warm_up_templates = self._templates(WARM_UP_COMPANIES)
        with ExitStack() as stack:
            ways = [stack.enter_context(relayed(self.server.admin_url, rtt)) for rtt in self._rtts()]
            timing = TimingPass(self.scenario, self.workshop, templates, warm_up_templates, ways, self.forks)
            timed = [*timing.run(self.progress)]
        sizes = sorted({*self.scenario.workload.memory_companies, self.scenario.dataset.companies})
        by_size = {companies: self._templates(companies) for companies in sizes}
        memory = MemoryPass(self.scenario, self.workshop, by_size, warm_up_templates, self.forks)
        with beside(lambda: [*memory.run(self.progress)], memory.stop) as remembered:
            counted = [*self._counted()]
        samples = (*compared.samples, *counted, *remembered.result(), *timed)
        return replace(facts, samples=samples, environment={**facts.environment, **_achieved(ways)})

    def _templates(self, companies: int) -> Mapping[str, Template]:
        self.progress.step(f"seeding {companies} companies")
        dataset = self.scenario.dataset
        return {
            arm.name: self.workshop.template(dataset, companies=companies, indexes=IndexSet(arm.indexes))
            for arm in self.scenario.arms
        }

    def _counted(self) -> Iterator[Sample]:
        workload = self.scenario.workload
        passes = ExactPasses(self.scenario, self.server, self.workshop, self.progress)
        full_size = self.scenario.dataset.companies
        for companies in sorted({*workload.companies, full_size}):
            at_full_size = companies == full_size  # the equivalence pass has counted that once
            repeats, counted = (workload.repeats, 1) if at_full_size else (1, 0)
            yield from passes.repeated(self._templates(companies), companies, repeats, counted=counted)

    def _rtts(self) -> Sequence[float]:
        return sorted({*self.scenario.network.rtt_ms})

    def _facts(self, templates: Mapping[str, Template], equivalence: Equivalence) -> RunFacts:
        template = next(iter(templates.values()))
        return RunFacts(
            samples=(),
            environment={
                **environment(),
                **self.server.settings(),
                "server": self.server.description,
                "database_kind": self.server.kind.value,
            },
            dataset=_dataset(template),
            arms=tuple(
                ArmRecord(name=arm.name, pipeline=arm.pipeline, role=arm.role.value, indexes=arm.indexes)
                for arm in self.scenario.arms
            ),
            equivalence=equivalence,
            started_at="",
            version="",
        )


def _dataset(template: Template) -> Mapping[str, Scalar]:
    return {"hash": template.hash, **asdict(template.facts)}


def _achieved(ways: Sequence[Relayed]) -> Mapping[str, Scalar]:
    return {f"rtt_{way.asked_ms:g}_ms_achieved": round(way.achieved_ms, 3) for way in ways}
