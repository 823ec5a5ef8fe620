"""Finds a workload by its name. Nothing else imports one."""

from importlib import import_module
from importlib.metadata import entry_points

from claimbench.errors import UsageError
from claimbench.loadgen.workloads.port import Workload, WorkloadFactory
from claimbench.scenarios.model import Scenario

GROUP = "claimbench.workloads"
"""The entry points by which a package brings a workload; `module:attribute` needs none."""

OWN = {
    "batch_pipeline": "claimbench.loadgen.workloads.batch_pipeline.workload:BatchPipeline",
    "functions": "claimbench.loadgen.workloads.functions.workload:Functions",
}


def workload_of(scenario: Scenario) -> Workload:
    """The workload that the scenario names, built from it. `UsageError` (exit 2) if there is none."""
    return find_workload(scenario.workload.kind)(scenario)


def find_workload(kind: str) -> WorkloadFactory:
    """What builds workloads of this kind: a registered name, or `module:attribute`."""
    brought = {found.name: found.value for found in entry_points(group=GROUP)}
    known = {**brought, **OWN}
    module, _, attribute = known.get(kind, kind).partition(":")
    if not attribute:
        raise UsageError(
            f"there is no workload {kind!r}",
            where="workload.kind",
            remedy=f"known are {', '.join(sorted(known))}; or write module:attribute",
        )
    try:
        factory: WorkloadFactory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{kind!r} cannot be imported: {error}",
            where="workload.kind",
            remedy="mend the module, or the name",
        ) from error
    return factory
