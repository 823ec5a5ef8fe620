"""Several processes run the histories, each on a database of its own."""

import multiprocessing
import queue
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.impl.ports import PipelineFactory
from claimbench.impl.registry import find_pipeline
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.oracle import Violation
from claimbench.loadgen.verify.histories import draw_history
from claimbench.loadgen.verify.runner import run_history
from claimbench.loadgen.verify.world import open_world

REFERENCE = "naive"
_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be run: a pipeline by its name, kinds of faults, and seeds."""

    pipeline: str
    kinds: tuple[FaultKind, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A seed whose history was run, and what is violated in it."""

    seed: int
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A worker that could not go on, and why."""

    reason: str


def reference_for(pipeline: str) -> PipelineFactory | None:
    """What a calm history's end is compared with; the reference itself with nothing."""
    return None if pipeline == REFERENCE else find_pipeline(REFERENCE)


@contextmanager
def judged(assignment: Assignment, databases: Sequence[URL]) -> Iterator[Iterator[Judged]]:
    """The histories of all seeds as they are judged, in no order; a process for each empty database."""
    context = multiprocessing.get_context("spawn")  # threads and connections do not survive a fork
    results: Any = context.Queue()
    workers = [
        context.Process(target=_work, args=(assignment, place, len(databases), url, results), daemon=True)
        for place, url in enumerate(databases)
    ]
    with _deaf_to_ctrl_c():
        for worker in workers:
            worker.start()
    try:
        yield _results(results, workers, len(assignment.seeds))
    finally:
        for worker in workers:
            worker.kill()  # what it was at is thrown away, and its database is dropped by who made it
        for worker in workers:
            worker.join()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What starts meanwhile does not hear the terminal's Ctrl-C: it is ended by whoever started it."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


def _results(results: Any, workers: Sequence[BaseProcess], expected: int) -> Iterator[Judged]:
    while expected:
        try:
            found = results.get(timeout=_LOOK_S)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                found = Broken("every worker has ended before its time")
            else:
                continue
        if isinstance(found, Broken):
            raise InvalidMeasurementError(found.reason, where="verify", remedy="run again, with --jobs 1")
        expected -= 1
        yield found


def _work(assignment: Assignment, place: int, places: int, url: URL, results: Any) -> None:
    try:
        factory, reference = find_pipeline(assignment.pipeline), reference_for(assignment.pipeline)
        with open_world(url) as world:
            for seed in assignment.seeds[place::places]:
                history = draw_history(seed, assignment.kinds)
                results.put(Judged(seed, run_history(history, factory, world, reference).violations))
    except Exception as error:
        results.put(Broken(f"a worker ended with {type(error).__name__}: {error}"[:500]))
