"""Seeded histories in smoke size: our pipelines survive them, each mutant falls to its seed in the docs."""

from collections.abc import Iterable, Iterator
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
from claimbench.loadgen.verify.histories import History, draw_history
from claimbench.loadgen.verify.runner import run_history
from claimbench.loadgen.verify.world import World

MATRIX = {kill.mutant: kill for kill in read_matrix((Path(__file__).parents[3] / PAGE).read_text())}
SEEDS = (*range(1, 17), 20, 29, 33, 37, 44, 49, 50, 53, 69, 73)
"""The first of them, and those that bring what the first lack of the trouble in a hundred."""
RIGHT_SEEDS = (3, 7, 9, 11, 13, 14, 16, 18, 19, 21)
"""Half of them calm, after which the right ones must have done the same work as the reference."""


def trouble_of(history: History) -> Iterator[str]:
    """In words, what of all that can be drawn happens in a history."""
    companies, turns = history.dataset.companies, history.turns
    sessions = [session for company in companies for session in company.sessions]
    yield from (f"fault {fault.kind}" for fault in history.faults)
    yield from (f"{one.harm} {one.moment} {one.place}" for one in history.breaks)
    yield from ("closed" if one.until_turn is None else "suspended" for one in history.suspensions)
    yield from (f"oddity {session.oddity}" for session in sessions)
    yield from (f"begun {request.status}" for session in sessions for request in session.requests)
    yield from ("wrong clock" for turn in turns if turn.clock_error_minutes)
    yield from ("inactive" for company in companies if not company.is_active)
    yield from ("large company" for company in companies if len(company.sessions) > 100)
    yield from ("long session" for session in sessions if session.messages > 10)
    yield from (f"{history.order} by {len({turn.scheduler for turn in turns})}", f"{history.api} api")
    yield from (f"calm: {history.is_calm}", f"crowd: {len(companies) > 100}")


def trouble_in(seeds: Iterable[int]) -> set[str]:
    return {each for seed in seeds for each in trouble_of(draw_history(seed, chosen_kinds("all")))}


def seeds_that_fail(world: World, factory: PipelineFactory, seeds: Iterable[int]) -> dict[int, str]:
    reference = None if factory is NaivePipeline else NaivePipeline
    verdicts = {
        seed: run_history(draw_history(seed, chosen_kinds("all")), factory, world, reference)
        for seed in seeds
    }
    return {seed: str(verdict.violations[0]) for seed, verdict in verdicts.items() if verdict.violations}


@pytest.mark.whole
@pytest.mark.parametrize("pipeline", ["naive", "optimized", "integrated"])
def test_histories_violate_no_invariant(world: World, pipeline: str) -> None:
    assert seeds_that_fail(world, find_pipeline(pipeline), SEEDS) == {}


def test_these_histories_bring_all_trouble_that_a_hundred_bring() -> None:
    assert trouble_in(SEEDS) == trouble_in(range(1, 101))


@pytest.mark.whole
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_pipeline_of_another_make_is_not_flagged(world: World, name: str) -> None:
    assert seeds_that_fail(world, RIGHT[name], RIGHT_SEEDS) == {}


@pytest.mark.whole
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
