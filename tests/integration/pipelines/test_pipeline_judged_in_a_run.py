"""What `run` finds of an arm that `verify` finds, too, by the same invariants."""

from datetime import timedelta

import pytest

from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.workloads.batch_pipeline.judging import violations_of
from claimbench.loadgen.workloads.batch_pipeline.session import ArmCall
from claimbench.loadgen.workloads.port import Database
from claimbench.scenarios.model import Api


def found_in_a_run(pipeline: str, workshop: Workshop, small: Template) -> tuple[str, ...]:
    with workshop.clone(small) as url:
        call = ArmCall(pipeline, Api(seed=1, failed_line_rate=0.1), timedelta(minutes=10))
        return violations_of(call, Database(url), runs=2)


@pytest.mark.parametrize(
    ("mutant", "invariant"),
    [
        ("ServesTheSuspended", "hands_off"),
        ("DeletesMessages", "hands_off"),
        ("MovesRequestedAt", "hands_off"),
        ("UploadsTwice", "one_batch_one_row"),
        ("BoastfulReports", "true_account"),
    ],
)
def test_a_run_catches_the_mutant_as_verify_does(
    workshop: Workshop, small: Template, mutant: str, invariant: str
) -> None:
    found = found_in_a_run(f"mutants:{mutant}", workshop, small)

    assert any(f"({invariant})" in one for one in found), found


@pytest.mark.parametrize("pipeline", ["naive", "optimized", "integrated"])
def test_a_run_flags_none_of_our_pipelines(workshop: Workshop, small: Template, pipeline: str) -> None:
    assert found_in_a_run(pipeline, workshop, small) == ()
