"""A verification: histories of many seeds on a pipeline, and, of the first that fails, the shortest form."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL

from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.bench.databases import open_server
from claimbench.loadgen.bench.databases.ownership import owned
from claimbench.loadgen.oracle import Invariant, Violation
from claimbench.loadgen.verify.histories import History, draw_history
from claimbench.loadgen.verify.runner import run_history
from claimbench.loadgen.verify.shrinking import shortest
from claimbench.loadgen.verify.workers import Assignment, Judged, judged, reference_for
from claimbench.loadgen.verify.world import World, open_world

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FailedSeed:
    """A seed that failed: its history, the shortest form of it, and what is violated in that."""

    seed: int
    invariant: Invariant
    shortest: History
    violation: Violation
    errors: tuple[str, ...]
    """What stages raised in it, which a scheduler logs and outlives."""


@dataclass(frozen=True)
class Laboratory:
    """Empty databases: one for each worker, and one to shorten a history on."""

    workers: tuple[URL, ...]
    bench: URL


@contextmanager
def open_laboratory(database: str, jobs: int, tell: Tell) -> Iterator[Laboratory]:
    """Databases on the server that `--database` means; all are dropped at the end."""
    # Histories commit without waiting for a disk anyway.
    with open_server(database, announce=tell, in_memory=True) as server, owned(server.admin_url) as owner:
        urls = [server.admin_url.set(database=owner.create(f"verify_{number}")) for number in range(jobs + 1)]
        yield Laboratory(tuple(urls[1:]), urls[0])


def verify(assignment: Assignment, laboratory: Laboratory, tell: Tell) -> FailedSeed | None:
    """Run all seeds; None when nothing is violated, else the first seed that failed."""
    failed: Judged | None = None
    every = max(1, len(assignment.seeds) // 20)
    with judged(assignment, laboratory.workers) as results:
        for done, result in enumerate(results, start=1):
            if result.violations:
                failed = result
                break
            if done % every == 0:
                tell(f"{assignment.pipeline}: {done} of {len(assignment.seeds)} histories")
    if failed is None:
        return None
    tell(f"seed {failed.seed} fails; looking for its shortest form")
    with open_world(laboratory.bench) as world:
        return shorten(assignment, failed, world)


def shorten(assignment: Assignment, failed: Judged, world: World) -> FailedSeed:
    """Take out of the history what the violation of its first invariant does not need."""
    factory, reference = find_pipeline(assignment.pipeline), reference_for(assignment.pipeline)
    invariant = failed.violations[0].invariant

    def outcome_of(history: History) -> tuple[Violation | None, tuple[str, ...]]:
        outcome = run_history(history, factory, world, reference)
        return next((one for one in outcome.violations if one.invariant is invariant), None), outcome.errors

    history = draw_history(failed.seed, assignment.kinds)
    short = shortest(history, lambda candidate: outcome_of(candidate)[0] is not None)
    violation, errors = outcome_of(short)
    return FailedSeed(failed.seed, invariant, short, violation or failed.violations[0], errors)
