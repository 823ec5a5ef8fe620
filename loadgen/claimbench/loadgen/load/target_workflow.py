"""From a file of targets to its record: somebody else's services under the same open arrivals as our arms."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from claimbench.errors import ClaimbenchError
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.load.arrivals import Profile, constant
from claimbench.loadgen.load.block import ArmSlot, Observed, block_record
from claimbench.loadgen.load.capacity import point
from claimbench.loadgen.load.driver import generate
from claimbench.loadgen.load.loopback import is_elsewhere, require_loopback
from claimbench.loadgen.load.plan import LoadPlan, Operation, resolved
from claimbench.loadgen.load.planning import Access, profile, shaped
from claimbench.loadgen.load.workflow import capacities, generator_environment, loaded
from claimbench.reports.judge.load import LoadFacts, judge_targets
from claimbench.reports.record.load import (
    BlockRecord,
    CapacityPoint,
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

    def block(self, slot: ArmSlot[Target]) -> BlockRecord:
        """The whole load on this target."""
        generated = self._generated(slot.arm, profile(self.scenario.load))
        return block_record(slot, self.scenario.load, Observed(generated, Served()))

    def step(self, target: Target, rate_per_s: float, duration_s: float) -> CapacityPoint:
        """The same requests at one rate."""
        generated = self._generated(target, constant(rate_per_s, duration_s))
        return point(rate_per_s, generated, None, self.scenario.load.objective)

    def _generated(self, target: Target, stretches: Profile) -> Generated:
        try:
            return generate(self.plan(target, stretches), self.scenario.load.processes, self.allowed)
        except ClaimbenchError as error:
            where = f"{self.scenario.source}: {target.name}: {error.where}"
            raise type(error)(error.what, where=where, remedy=error.remedy) from None


def run_targets(request: TargetsRequest, progress: Progress) -> LoadRecord:
    """Load each target in blocks, look for its capacity, and judge."""
    scenario, targets, load = request.scenario, request.scenario.targets, request.scenario.load
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    facts = LoadFacts(
        blocks=tuple(loaded(load, targets, request.block, progress)),
        capacities=tuple(capacities(load, targets, request.step, progress)),
        arms=tuple(
            TargetRecord(name=each.name, url=each.url, role=role)
            for each, role in zip(targets, scenario.roles, strict=True)
        ),
        environment=generator_environment(),
        dataset={},
        equivalence=None,
        started_at=started_at,
        version=version("claimbench"),
        command=request.command,
    )
    elsewhere = [urlsplit(each.url).hostname or "" for each in targets if is_elsewhere(each.url)]
    return judge_targets(scenario, facts, tuple(dict.fromkeys(elsewhere)))
