"""The port between the harness and what it measures.

A workload says how a database of size n is made, opens sessions of its arms, and judges what they did. The
passes, probes, the gate and the pages know steps, sizes and readings; companies, batches and prompts are
known to `batch_pipeline` alone. `docs/architecture.md` shows how a run goes through here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import psycopg
from sqlalchemy import URL, Engine

from claimbench.loadgen.probes.reading import Reading
from claimbench.loadgen.probes.statements import StatementCount
from claimbench.loadgen.probes.traced import ConnectionsHere
from claimbench.loadgen.workloads.work import Work
from claimbench.reports.record.values import Scalar, Words
from claimbench.scenarios.model import Arm, Scenario


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a database is made: `fill` writes it and returns facts about it, in the order of the report.

    digest: SHA-256 over all that decides what it holds, in hexadecimal; equal digests share a template.
    """

    digest: str
    fill: Callable[[psycopg.Connection], Mapping[str, Scalar]]


@dataclass(frozen=True, slots=True)
class Database:
    """Where a session works: a fresh clone (the URL holds a password), and the service that runs beside it.

    service: what `Workload.service` yielded; empty to have everything in this process.
    """

    url: URL
    service: str = ""


@dataclass(frozen=True, slots=True)
class Lap:
    """A step that has just ended: of which run (from 0), and the statements that it sent."""

    run: int
    step: str
    statements: tuple[StatementCount, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """A number that is looked at once, with its step and what was seen behind it (empty: nothing)."""

    step: str
    reading: Reading
    note: str = ""


class ArmSession(Protocol):
    """One arm on one fresh database."""

    @property
    def connections(self) -> Engine | ConnectionsHere:
        """What the wire probe attaches to."""

    def begin_run(self, number: int) -> None:
        """Get ready for run `number`, from 0; never under a stopwatch."""

    def take(self, step: str) -> None:
        """Take one step; nothing else runs under the stopwatch. `ArmError` with what the arm raised."""

    def readings(self, lap: Lap) -> tuple[Reading, ...]:
        """What the workload counts itself in a step, since the previous lap; added up over steps and runs."""

    def closing_readings(self, sent: Callable[[], tuple[StatementCount, ...]]) -> tuple[Reading, ...]:
        """What is read once, of all runs together, after the last one. It may take further runs.

        sent: the statements since it was called last.
        """

    def work(self) -> Work:
        """What was done so far, as comparable values."""


class Workload(Protocol):
    """A kind of work. An implementation is built from a scenario: `of(scenario)`."""

    @property
    def words(self) -> Words:
        """What the pages call a size, a step and a run."""

    @property
    def steps(self) -> tuple[str, ...]:
        """In the order of one run; `run` is their sum."""

    def check(self, arm: Arm) -> None:
        """`UsageError` (exit 2) if the arm cannot be one of this workload."""

    def recipe(self, arm: Arm, size: int) -> Recipe:
        """The database of this size that the arm starts from."""

    def service(self) -> AbstractContextManager[str]:
        """Start what a session in another process needs beside the database; yields `Database.service`."""

    def open(self, arm: Arm, database: Database) -> AbstractContextManager[ArmSession]:
        """A session, closed at the end. `UsageError` if the arm is none of this workload's."""

    def observations(self, arm: Arm, database: Database, size: int) -> Iterator[Observation]:
        """What is looked at once, of a candidate alone, on a clone of its own."""

    def violations(self, arm: Arm, database: Database) -> tuple[str, ...]:
        """Let the arm end its work on this clone; a sentence for each invariant that does not hold."""


class WorkloadFactory(Protocol):
    """What the registry finds."""

    def __call__(self, scenario: Scenario) -> Workload:
        """The workload of this scenario."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step of one run (counted from 0) that has just ended."""

    run: int
    step: str


def drive(
    session: ArmSession, steps: tuple[str, ...], runs: int, observe: Callable[[StepDone], None]
) -> None:
    """`runs` runs, step by step; the observer is told after each step."""
    for run in range(runs):
        session.begin_run(run)
        for step in steps:
            session.take(step)
            observe(StepDone(run, step))


def unobserved(_: StepDone) -> None:
    """The observer of a drive whose steps nobody watches."""
