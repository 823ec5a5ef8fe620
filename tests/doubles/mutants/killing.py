"""Who kills which mutant: the first seed whose history shows it, and what that history violates."""

from collections.abc import Iterator
from dataclasses import dataclass

from claimbench.impl.naive import NaivePipeline
from claimbench.loadgen.commands.verify import chosen_kinds
from claimbench.loadgen.oracle import Invariant
from claimbench.loadgen.verify.histories import draw_history
from claimbench.loadgen.verify.runner import run_history
from claimbench.loadgen.verify.world import World
from mutants.making import Mutant

SEEDS = range(1, 401)


@dataclass(frozen=True, slots=True)
class Kill:
    """A mutant, the seed that killed it (None: it survived), and what that history violates."""

    mutant: str
    mistake: str
    seed: int | None
    invariants: tuple[Invariant, ...]


def mistake_of(mutant: type[Mutant]) -> str:
    """Its mistake, in one line."""
    return (mutant.__doc__ or "").strip()


def violated_by(mutant: type[Mutant], seed: int, world: World) -> tuple[Invariant, ...]:
    """The invariants that the mutant violates in the history of a seed."""
    history = draw_history(seed, chosen_kinds("all"))
    found = run_history(history, mutant, world, NaivePipeline).violations
    return tuple(dict.fromkeys(violation.invariant for violation in found))


def kills(mutants: tuple[type[Mutant], ...], world: World) -> Iterator[Kill]:
    """The kill of each mutant, as it is found."""
    for mutant in mutants:
        seed, found = next(
            ((seed, found) for seed in SEEDS if (found := violated_by(mutant, seed, world))), (None, ())
        )
        yield Kill(mutant.__name__, mistake_of(mutant), seed, found)
