"""From a file of targets to its record: somebody else's services under the same open arrivals as our arms."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from claimbench.errors import ClaimbenchError
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.load.arrivals import Profile, constant
from claimbench.loadgen.load.block import Observed, block_record, slots
from claimbench.loadgen.load.capacity import point, search
from claimbench.loadgen.load.driver import generate
from claimbench.loadgen.load.loopback import is_elsewhere, require_loopback
from claimbench.loadgen.load.plan import LoadPlan, Operation, resolved
from claimbench.loadgen.load.planning import Access, profile, shaped
from claimbench.loadgen.load.workflow import generator_environment
from claimbench.reports.judge.load import LoadFacts, judge_targets
from claimbench.reports.record.load import (
    BlockRecord,
    CapacityPoint,
    CapacityRecord,
    Generated,
    LoadRecord,
    Served,
    TargetRecord,
)
from claimbench.scenarios.targets import Target, TargetsScenario


@dataclass(frozen=True, slots=True)
class TargetsRequest:
    """What the user asked for. allowed: other machines than this one that may be loaded, by name."""

    scenario: TargetsScenario
    allowed: tuple[str, ...]
    command: str

    def check(self) -> None:
        """Raise `UsageError`, before anything is sent, for a target or a secret that cannot be used."""
        for position, target in enumerate(self.scenario.targets):
            require_loopback(target.url, self.allowed, f"{self.scenario.source}: targets[{position}].url")
            resolved(self.plan(target, profile(self.scenario.load)), os.environ, self.scenario.source)

    def plan(self, target: Target, stretches: Profile) -> LoadPlan:
        """The load of one target; its secrets are still names."""
        asked, load = self.scenario, self.scenario.load
        operations = tuple(Operation.model_validate(each.model_dump(mode="json")) for each in asked.requests)
        plan = shaped(load, Access(target.url.rstrip("/"), (), ""), stretches, operations)
        ca = str(Path(asked.source).parent.resolve() / target.ca) if target.ca else ""
        return plan.model_copy(update={"ca": ca, "headers": asked.headers, "login": asked.login})

    def generated(self, target: Target, stretches: Profile) -> Generated:
        """What the generator saw of a load of this target."""
        try:
            return generate(self.plan(target, stretches), self.scenario.load.processes, self.allowed)
        except ClaimbenchError as error:
            where = f"{self.scenario.source}: {target.name}: {error.where}"
            raise type(error)(error.what, where=where, remedy=error.remedy) from None


def run_targets(request: TargetsRequest, progress: Progress) -> LoadRecord:
    """Load each target in blocks, look for its capacity, and judge."""
    scenario = request.scenario
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    facts = LoadFacts(
        blocks=tuple(_blocks(request, progress)),
        capacities=tuple(_capacities(request, progress)),
        arms=tuple(
            TargetRecord(name=each.name, url=each.url, role=role)
            for each, role in zip(scenario.targets, scenario.roles, strict=True)
        ),
        environment=generator_environment(),
        dataset={},
        equivalence=None,
        started_at=started_at,
        version=version("claimbench"),
        command=request.command,
    )
    elsewhere = [urlsplit(each.url).hostname or "" for each in scenario.targets if is_elsewhere(each.url)]
    return judge_targets(scenario, facts, tuple(dict.fromkeys(elsewhere)))


def _blocks(request: TargetsRequest, progress: Progress) -> Iterator[BlockRecord]:
    load = request.scenario.load
    for slot in slots(request.scenario.targets, load.blocks):
        progress.step(f"load: block {slot.block + 1} of {load.blocks}, {slot.arm.name}")
        generated = request.generated(slot.arm, profile(load))
        yield block_record(slot, load, Observed(generated, Served()))


def _capacities(request: TargetsRequest, progress: Progress) -> Iterator[CapacityRecord]:
    load = request.scenario.load
    limits = load.capacity
    if limits is None:
        return
    step_s = limits.step.total_seconds()

    def tried(target: Target, rate: float) -> CapacityPoint:
        progress.step(f"capacity: {target.name} at {rate:.3g} arrivals per second")
        return point(rate, request.generated(target, constant(rate, step_s)), None, load.objective)

    for target in request.scenario.targets:
        yield search(target.name, limits, partial(tried, target))
