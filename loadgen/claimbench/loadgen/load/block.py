"""One arm under one load: a fresh clone, an API that forgot all, a fresh service, and what they did."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from claimbench.impl.service.worker_factory import LEASE
from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.fake_openai.server import FakeServer
from claimbench.loadgen.load.capacity import point
from claimbench.loadgen.load.driver import ready_generator
from claimbench.loadgen.load.plan import LoadPlan
from claimbench.loadgen.load.planning import Access, plan_at_rate, plan_of
from claimbench.loadgen.load.stored import Stored, StoreWatch
from claimbench.loadgen.load.tested_service import ServiceSettings, TestedService, running_service
from claimbench.loadgen.load.validity import Bounds, problems
from claimbench.loadgen.probes.server import ServerProbe
from claimbench.reports.record.load import BlockRecord, CapacityPoint, Generated, Served
from claimbench.scenarios.load import Load
from claimbench.scenarios.model import Arm, Scenario
from claimbench.scenarios.targets import Target

SETTLING = timedelta(seconds=30)
"""How long a service may take for what was seeded, before the load begins."""

MakePlan = Callable[[Access], LoadPlan]


ArmT = TypeVar("ArmT", Arm, Target)


@dataclass(frozen=True, slots=True)
class ArmSlot(Generic[ArmT]):
    """Which arm, or which target, is loaded in which block, at which position in it; both from 0."""

    arm: ArmT
    block: int
    position: int


def slots(arms: Sequence[ArmT], blocks: int) -> Iterator[ArmSlot[ArmT]]:
    """Every arm once in each block; the order turns round each time, so that none is always first."""
    for block in range(blocks):
        order = arms if block % 2 == 0 else arms[::-1]
        for position, arm in enumerate(order):
            yield ArmSlot(arm, block, position)


@dataclass(frozen=True, slots=True)
class Observed:
    """The two sides of one load."""

    generated: Generated
    served: Served


def block_record(slot: ArmSlot[Any], load: Load, observed: Observed) -> BlockRecord:
    """What one slot showed, and whether the generator was fit to measure it."""
    generated = observed.generated
    return BlockRecord(
        arm=slot.arm.name,
        block=slot.block,
        position=slot.position,
        rate_per_s=generated.planned / generated.duration_s,
        generated=generated,
        served=observed.served,
        problems=tuple(problems(generated, Bounds(lag_p99=load.objective.lag_p99))),
    )


@dataclass(frozen=True, slots=True)
class LoadSite:
    """Where arms are put under load."""

    scenario: Scenario
    load: Load
    server: Server
    workshop: Workshop
    templates: Mapping[str, Template]
    fake: FakeServer
    way: Relayed
    """From the service to its database, with the scenario's round-trip time."""
    lease: timedelta = LEASE

    def block(self, slot: ArmSlot[Arm]) -> BlockRecord:
        """The scenario's whole load on this arm."""
        observed = self._under(slot.arm, lambda access: plan_of(self.load, access))
        return block_record(slot, self.load, observed)

    def step(self, arm: Arm, rate_per_s: float, duration_s: float) -> CapacityPoint:
        """The same traffic at one rate, on a database that no other rate has touched."""
        observed = self._under(arm, lambda access: plan_at_rate(self.load, access, rate_per_s, duration_s))
        return point(rate_per_s, observed.generated, observed.served.end_to_end, self.load.objective)

    def _under(self, arm: Arm, make_plan: MakePlan) -> Observed:
        self.fake.reset()
        with (
            self.workshop.clone(self.templates[arm.name]) as url,
            ready_generator(self.load.processes) as generator,
            running_service(
                ServiceSettings(
                    arm.pipeline,
                    self.way.url.set(database=url.database),
                    self.fake.base_url,
                    self.load.pace.interval,
                    self.lease,
                )
            ) as service,
            ServerProbe(self.server, url) as probe,
        ):
            watch = StoreWatch.of(url)
            watch.settle(SETTLING)
            self.workshop.checkpoint()
            probe.lap()
            cpu_s = service.cpu_s()
            generated = generator.generate(make_plan(service.access))
            stored = watch.wait_and_read(self.load.objective.end_to_end_p95)
            return Observed(generated, _served(service, cpu_s, probe, stored))


def _served(service: TestedService, cpu_before_s: float, probe: ServerProbe, stored: Stored) -> Served:
    counted = {reading.metric: int(reading.value) for reading in probe.lap()}
    return Served(
        server_cpu_s=service.cpu_s() - cpu_before_s,
        server_memory_bytes=service.memory_bytes(),
        round_trips=counted.get("server_executions"),
        rows=counted.get("rows"),
        wal_bytes=counted.get("wal_bytes"),
        end_to_end=stored.end_to_end,
        stored=stored.stored,
        unfinished=stored.unfinished,
    )
