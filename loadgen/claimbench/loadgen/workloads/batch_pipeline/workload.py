"""The batch pipeline as a workload: companies, four stages, a fake OpenAI and simulated time."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

from claimbench.errors import UsageError
from claimbench.impl.company_cache import CacheCounter
from claimbench.impl.indexes import IndexSet
from claimbench.impl.ports import Policy, Stage
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.fake_openai.server import running_server
from claimbench.loadgen.probes.reading import Reading, Unit
from claimbench.loadgen.workloads.batch_pipeline.building import import_all
from claimbench.loadgen.workloads.batch_pipeline.judging import violations_of
from claimbench.loadgen.workloads.batch_pipeline.plans import follow_timetable
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.loadgen.workloads.batch_pipeline.session import ArmCall, BatchSession, open_session
from claimbench.loadgen.workloads.batch_pipeline.timetable import arithmetic_of_hits
from claimbench.loadgen.workloads.port import Database, Observation, Recipe
from claimbench.reports.record.values import Term, Words
from claimbench.scenarios.metrics import TIMETABLE
from claimbench.scenarios.model import Arm, BatchScenario, Scenario

STEPS = tuple(stage.value for stage in Stage)
WORDS = Words(
    size="companies",
    step="stage",
    run="scheduler run",
    counted_by="active_companies",
    terms=(
        Term(
            word="company", meaning="a customer whose chat sessions wait to be analysed by OpenAI's batch API"
        ),
        Term(
            word="scheduler run",
            meaning="the four stages once: create batches, check statuses, process results, retry failed",
        ),
        Term(
            word="size",
            meaning="how many companies are active, the N of “N queries”: what is done company by company, "
            "grows with it",
        ),
    ),
)
PIPELINES = {
    "naive": "the document's “before”, as an honest team writes it first: in each stage a query for the "
    "companies, then at least one for each company, then some for each row",
    "optimized": "the document's “after”, carried all the way: companies from a cache, one statement a stage "
    "for all of them, prompts streamed instead of loaded, rows written in sets",
    "integrated": "optimized or naive, chosen for each stage by flags and by how both did before",
}
"""What our own pipelines are, to somebody who never saw the document."""


class BatchPipeline:
    """The `Workload` of a scenario of the batch pipeline."""

    def __init__(self, scenario: Scenario) -> None:
        if not isinstance(scenario, BatchScenario):
            raise UsageError("is of another workload", where=scenario.name, remedy="set workload.kind")
        self._scenario = scenario
        arms = tuple(Term(word=arm.name, meaning=_described(arm)) for arm in scenario.arms)
        self.words = WORDS.model_copy(update={"terms": (*arms, *WORDS.terms)})
        self.steps = STEPS
        import_all()

    def recipe(self, arm: Arm, size: int) -> Recipe:
        """Seeded by Faker, for so many active companies, with the arm's indexes."""
        return recipe(self._scenario.dataset, companies=size, indexes=IndexSet(arm.indexes))

    @contextmanager
    def service(self) -> Iterator[str]:
        """A fake OpenAI in a process of its own; its base URL."""
        api = self._scenario.api
        with running_server(seed=api.seed, failed_line_rate=api.failed_line_rate, clock="manual") as server:
            yield server.base_url

    def open(self, arm: Arm, database: Database) -> AbstractContextManager[BatchSession]:
        """The arm's pipeline on the database, with a fake API of its own."""
        return open_session(self._call(arm), database)

    def observations(self, arm: Arm, database: Database, size: int) -> Iterator[Observation]:
        """Which of the document's indexes the planner takes, and how often the cache hits.

        What the cache does depends on the timetable alone, so it is followed to its end at the full size
        only. A pipeline without a cache yields no hit rate: the claim about it is then not measured.
        """
        at_full_size = size == self._scenario.dataset.size
        duration = self._scenario.workload.timetable if at_full_size else timedelta(minutes=1)
        cache = CacheCounter(uncounted_lookups=1)
        api, step = self._scenario.api, self._scenario.workload.step
        with open_session(ArmCall(arm.pipeline, api, step, cache), database) as session:
            for index in follow_timetable(session, duration):
                reading = Reading("index_used", Unit.FLAG, float(index.used))
                yield Observation(index.index.name, reading, ", then ".join(index.steps))
        if cache.counts.hit_rate is not None and at_full_size:
            reading = Reading("cache_hit_rate", Unit.RATIO, cache.counts.hit_rate)
            arithmetic = arithmetic_of_hits(duration, Policy().company_cache_ttl)
            yield Observation(TIMETABLE, reading, arithmetic)

    def violations(self, arm: Arm, database: Database) -> tuple[str, ...]:
        """The oracle's word on the arm, after as many runs as it is measured in and all that they left."""
        return violations_of(self._call(arm), database, self._scenario.workload.runs)

    def check(self, arm: Arm) -> None:
        """Raise `UsageError` if there is no such pipeline."""
        find_pipeline(arm.pipeline)

    def _call(self, arm: Arm) -> ArmCall:
        return ArmCall(arm.pipeline, self._scenario.api, self._scenario.workload.step)


def _described(arm: Arm) -> str:
    return PIPELINES.get(arm.pipeline) or f"a pipeline of your own, {arm.pipeline}"
