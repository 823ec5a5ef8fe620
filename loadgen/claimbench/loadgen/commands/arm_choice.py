"""`--arms reference,candidate`: other pipelines in the places of a scenario's own arms."""

from typing import TypeVar

from claimbench.errors import UsageError
from claimbench.scenarios.model import Arm, ArmRole, Scenario

AnyScenario = TypeVar("AnyScenario", bound=Scenario)


def with_arms(scenario: AnyScenario, arms: str) -> AnyScenario:
    """The scenario with these two arms; a name that the scenario knows keeps its own settings there.

    The reference runs before the document's index work and the candidate after it, unless the scenario says
    otherwise of an arm of that name.
    """
    names = [name.strip() for name in arms.split(",")]
    if len(names) != 2 or not all(names):
        raise UsageError(
            f"{arms!r} is not two arms", where="--arms", remedy="write reference,candidate: naive,optimized"
        )
    reference, candidate = names
    chosen = (
        _arm(scenario, reference, ArmRole.REFERENCE),
        _arm(scenario, candidate, ArmRole.CANDIDATE),
    )
    return scenario.model_copy(update={"arms": _told_apart(*chosen)})


def _arm(scenario: Scenario, pipeline: str, role: ArmRole) -> Arm:
    known = next((arm for arm in scenario.arms if arm.name == pipeline), None)
    if known:
        return known.model_copy(update={"role": role})
    name = pipeline.rpartition(":")[2]
    if role is ArmRole.REFERENCE:
        return Arm(name=name, pipeline=pipeline, role=role, indexes="before")
    return Arm(name=name, pipeline=pipeline, role=role, indexes="after")


def _told_apart(reference: Arm, candidate: Arm) -> tuple[Arm, Arm]:
    """An arm against itself is how noise is seen: the second one then needs a name of its own."""
    if candidate.name == reference.name:
        candidate = candidate.model_copy(update={"name": f"{candidate.name}-again"})
    return reference, candidate
