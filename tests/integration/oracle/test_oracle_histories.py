"""Seeded histories in smoke size: our pipelines survive them, each mutant falls to its seed in the docs."""

from pathlib import Path

import pytest
from mutants import MUTANTS
from mutants.killing import mistake_of, violated_by
from mutants.matrix import PAGE, read_matrix
from mutants.right import RIGHT

from claimbench.impl.naive import NaivePipeline
from claimbench.impl.ports import PipelineFactory
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.commands.verify import chosen_kinds
from claimbench.loadgen.oracle import Invariant
from claimbench.loadgen.verify.histories import draw_history
from claimbench.loadgen.verify.runner import run_history
from claimbench.loadgen.verify.world import World

MATRIX = {kill.mutant: kill for kill in read_matrix((Path(__file__).parents[3] / PAGE).read_text())}
HISTORIES = 100


def seeds_that_fail(world: World, factory: PipelineFactory, seeds: range) -> dict[int, str]:
    reference = None if factory is NaivePipeline else NaivePipeline
    verdicts = {
        seed: run_history(draw_history(seed, chosen_kinds("all")), factory, world, reference)
        for seed in seeds
    }
    return {seed: str(verdict.violations[0]) for seed, verdict in verdicts.items() if verdict.violations}


@pytest.mark.parametrize("pipeline", ["naive", "optimized", "integrated"])
def test_a_hundred_histories_violate_no_invariant(world: World, pipeline: str) -> None:
    assert seeds_that_fail(world, find_pipeline(pipeline), range(1, HISTORIES + 1)) == {}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_pipeline_of_another_make_is_not_flagged(world: World, name: str) -> None:
    assert seeds_that_fail(world, RIGHT[name], range(1, 7)) == {}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_oracle_catches_the_mutant_by_the_seed_in_the_docs(world: World, mutant: type) -> None:
    kill = MATRIX[mutant.__name__]

    assert kill.seed is not None
    assert set(violated_by(mutant, kill.seed, world)) & set(kill.invariants)


def test_the_matrix_lists_every_mutant_with_its_mistake_and_its_killer() -> None:
    assert [(kill.mutant, kill.mistake) for kill in MATRIX.values()] == [
        (mutant.__name__, mistake_of(mutant)) for mutant in MUTANTS
    ]
    assert all(kill.invariants for kill in MATRIX.values())


def test_every_invariant_kills_a_mutant() -> None:
    assert {invariant for kill in MATRIX.values() for invariant in kill.invariants} == set(Invariant)
