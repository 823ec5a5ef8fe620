"""`--arms`: which pipelines take the places of a scenario's own."""

import pytest

from claimbench.errors import UsageError
from claimbench.loadgen.commands.arm_choice import with_arms
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import ArmRole


def test_the_first_is_the_reference_and_the_second_the_candidate() -> None:
    reference, candidate = with_arms(load("smoke"), "naive,my_code:MyPipeline").arms

    assert (reference.name, reference.role, reference.indexes) == ("naive", ArmRole.REFERENCE, "before")
    assert (candidate.name, candidate.role, candidate.indexes) == ("MyPipeline", ArmRole.CANDIDATE, "after")


def test_a_known_arm_keeps_the_scenarios_settings() -> None:
    reference, candidate = with_arms(load("smoke"), "optimized,naive").arms

    assert (reference.indexes, candidate.indexes) == ("after", "before")


def test_an_arm_against_itself_gets_two_names() -> None:
    assert [arm.name for arm in with_arms(load("smoke"), "naive,naive").arms] == ["naive", "naive-again"]


@pytest.mark.parametrize("arms", ["", "naive", "naive,", "a,b,c"])
def test_anything_but_two_arms_is_refused(arms: str) -> None:
    with pytest.raises(UsageError, match="--arms"):
        with_arms(load("smoke"), arms)
