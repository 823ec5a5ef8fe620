"""From a scenario with a `[load]` table to its record: equivalence, blocks, capacity, verdict."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

from claimbench.errors import UsageError
from claimbench.loadgen.bench.databases import Server, Template
from claimbench.loadgen.bench.opening import open_bench
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.fake_openai.server import running_server
from claimbench.loadgen.load.block import ArmSlot, ArmT, LoadSite, slots
from claimbench.loadgen.load.capacity import search
from claimbench.loadgen.passes.bench_at_size import BenchAtSize
from claimbench.loadgen.passes.equivalence import EquivalencePass
from claimbench.loadgen.probes.machine import environment
from claimbench.loadgen.workloads.registry import workload_of
from claimbench.reports.judge.load import LoadFacts, judge_load
from claimbench.reports.record.load import BlockRecord, CapacityPoint, CapacityRecord, LoadRecord
from claimbench.reports.record.values import ArmRecord, Scalar
from claimbench.scenarios.load import Load
from claimbench.scenarios.model import BatchScenario, Scenario


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What the user asked for."""

    scenario: BatchScenario
    load: Load
    database: str
    command: str


def load_of(scenario: Scenario) -> Load:
    """The scenario's load. Raises `UsageError` when it has none."""
    if scenario.load is None:
        raise UsageError(
            "the scenario has no [load] table",
            where=repr(scenario.name),
            remedy="use load or load-smoke, or add the table to your file",
        )
    return scenario.load


def run_load(request: LoadRequest, progress: Progress) -> LoadRecord:
    """Prove that the arms do the same work, load them in blocks, look for their capacity, and judge."""
    scenario = request.scenario
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    workload = workload_of(scenario)
    for arm in scenario.arms:
        workload.check(arm)
    with open_bench(scenario, request.database, progress) as bench:
        server = bench.server
        templates = bench.templates(workload, scenario.arms, scenario.dataset.size)
        at = BenchAtSize(scenario, workload, bench, templates, scenario.dataset.size)
        equivalence = EquivalencePass(at).run().equivalence
        blocks: tuple[BlockRecord, ...] = ()
        searched: tuple[CapacityRecord, ...] = ()
        if equivalence.equal:
            rtt_ms = scenario.network.judged_rtt_ms
            api, speed = scenario.api, request.load.pace.api_speed
            with (
                running_server(seed=api.seed, failed_line_rate=api.failed_line_rate, speed=speed) as fake,
                bench.way(rtt_ms) as way,
            ):
                site = LoadSite(scenario, request.load, server, bench.workshop, templates, fake, way)
                blocks = tuple(loaded(site.load, scenario.arms, site.block, progress))
                searched = tuple(capacities(site.load, scenario.arms, site.step, progress))
        facts = LoadFacts(
            blocks=blocks,
            capacities=searched,
            arms=_arms(scenario),
            environment=load_environment(server),
            dataset=_dataset(templates),
            equivalence=equivalence,
            started_at=started_at,
            version=version("claimbench"),
            command=request.command,
        )
    return judge_load(scenario, request.load, facts)


def loaded(
    load: Load, arms: Sequence[ArmT], take: Callable[[ArmSlot[ArmT]], BlockRecord], progress: Progress
) -> Iterator[BlockRecord]:
    """Every arm in every block."""
    for slot in slots(arms, load.blocks):
        progress.step(f"load: block {slot.block + 1} of {load.blocks}, {slot.arm.name}")
        yield take(slot)


def capacities(
    load: Load, arms: Sequence[ArmT], step: Callable[[ArmT, float, float], CapacityPoint], progress: Progress
) -> Iterator[CapacityRecord]:
    """The capacity of each arm, if it is asked for; `step` tries a rate for so many seconds."""
    limits = load.capacity
    if limits is None:
        return
    step_s = limits.step.total_seconds()

    def tried(arm: ArmT, rate: float) -> CapacityPoint:
        progress.step(f"capacity: {arm.name} at {rate:.3g} arrivals per second")
        return step(arm, rate, step_s)

    for arm in arms:
        yield search(arm.name, limits, partial(tried, arm))


def _arms(scenario: Scenario) -> tuple[ArmRecord, ...]:
    return tuple(
        ArmRecord(name=arm.name, pipeline=arm.pipeline, role=arm.role.value, indexes=arm.indexes)
        for arm in scenario.arms
    )


def load_environment(server: Server) -> dict[str, Scalar]:
    """The machine, the server and its settings, and the versions of what makes and takes the load."""
    described = {"server": server.description, "database_kind": server.kind.value}
    service = {"version_fastapi": version("fastapi")}
    return {**generator_environment(), **service, **server.settings(), **described}


def generator_environment() -> dict[str, Scalar]:
    """The machine, and the versions of what makes the load."""
    libraries = {f"version_{name}": version(name) for name in ("locust", "gevent", "hdrhistogram")}
    return {**environment(), **libraries}


def _dataset(templates: Mapping[str, Template]) -> Mapping[str, Scalar]:
    template = next(iter(templates.values()))
    return {"hash": template.digest, **template.facts, "bytes": template.bytes}
