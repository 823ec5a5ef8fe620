"""The workload `functions`: an arm is one function of a comparison, called once a run."""

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import URL, Engine

from claimbench.errors import ArmError, UsageError
from claimbench.loadgen.bench.databases.connecting import DRIVER
from claimbench.loadgen.probes.reading import Reading
from claimbench.loadgen.probes.statements import StatementCount
from claimbench.loadgen.probes.traced import ConnectionsHere
from claimbench.loadgen.processes.ending import leave_if_told
from claimbench.loadgen.workloads.functions.comparison import Case, Comparison, comparison_of
from claimbench.loadgen.workloads.port import Database, Lap, Observation, Recipe
from claimbench.loadgen.workloads.work import Piece, Work
from claimbench.loadgen.yours.plain import plain
from claimbench.loadgen.yours.written import read_tables
from claimbench.reports.record.values import Scalar, Words
from claimbench.scenarios.model import Arm, Scenario

STEP = "call"


@dataclass
class FunctionSession:
    """A function on its own clone; what it returned last is kept as plain values."""

    case: Case
    function: Callable[[], Any]
    returned: Any = field(default=None)

    @property
    def connections(self) -> ConnectionsHere:
        """All that this process opens, and an engine that is connected before counting."""
        return ConnectionsHere(self.case.engine)

    def begin_run(self, number: int) -> None:
        """Nothing to get ready."""

    def take(self, step: str) -> None:  # noqa: ARG002 (there is one step)
        """Call it, and read what it returns to its end."""
        try:
            returned = self.function()
            self.returned = plain(asyncio.run(returned) if inspect.iscoroutine(returned) else returned)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # one that ends the process would end the run as a success
            leave_if_told()
            raise ArmError(
                f"the function failed: {type(error).__name__}: {error}",
                where=STEP,
                remedy="call it by itself to see where",
            ) from error

    def readings(self, lap: Lap) -> tuple[Reading, ...]:  # noqa: ARG002 (it counts nothing itself)
        """Nothing but what the probes see."""
        return ()

    def closing_readings(self, sent: Callable[[], tuple[StatementCount, ...]]) -> tuple[Reading, ...]:  # noqa: ARG002
        """Nothing."""
        return ()

    def work(self) -> Work:
        """Every value that was returned, by its place, and each table's rows as a count and a hash."""
        returned = (Piece(place, (value,)) for place, value in _leaves(self.returned, "result"))
        tables = (
            Piece(f"table {name}", (f"rows={rows}", f"hash={hashed}"))
            for name, (rows, hashed) in read_tables(self.case.dsn).items()
        )
        return Work((), (*returned, *tables))


class Functions:
    """The `Workload` of a comparison. All arms of a scenario name the same one."""

    words = Words(size="items", step="function", run="call")
    steps = (STEP,)

    def __init__(self, scenario: Scenario) -> None:
        self._comparison: Comparison = comparison_of(scenario.arms[0].pipeline)

    def check(self, arm: Arm) -> None:
        """`UsageError` if the comparison names no function for the arm."""
        self._comparison.claimed()
        if arm.name not in {"reference", "candidate"}:
            raise UsageError(
                f"there is no arm {arm.name!r}", where="compare", remedy="see reference, candidate"
            )

    def recipe(self, arm: Arm, size: int) -> Recipe:  # noqa: ARG002 (both start from the same)
        """What `populate(case, size)` makes of an empty database."""
        comparison = self._comparison

        def fill(connection: psycopg.Connection) -> Mapping[str, Scalar]:
            info = connection.info
            url = URL.create(
                DRIVER,
                username=info.user,
                password=info.password or None,
                host=info.host,
                port=info.port,
                database=info.dbname,
            )
            return _filled(comparison, Case(url), size)

        return Recipe(hashlib.sha256(f"{comparison.name} {size}".encode()).hexdigest(), fill)

    @contextmanager
    def service(self) -> Iterator[str]:
        """None is needed."""
        yield ""

    @contextmanager
    def open(self, arm: Arm, database: Database) -> Iterator[FunctionSession]:
        """The arm's function on this database."""
        case = Case(database.url)
        try:
            self._comparison.define(case)
            yield FunctionSession(case, case.functions[arm.name])
        finally:
            case.engine.dispose()

    def observations(self, arm: Arm, database: Database, size: int) -> Iterator[Observation]:  # noqa: ARG002
        """None."""
        return iter(())

    def violations(self, arm: Arm, database: Database) -> tuple[str, ...]:  # noqa: ARG002
        """A function has no invariants but its equal work."""
        return ()


def _filled(comparison: Comparison, case: Case, size: int) -> Mapping[str, Scalar]:
    engine: Engine = case.engine
    try:
        comparison.populate(case, size)
    except Exception as error:
        raise UsageError(
            f"populate failed at size {size}: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            where=comparison.name,
            remedy="call it by itself to see where",
        ) from error
    finally:
        engine.dispose()
    rows = sum(count for count, _ in read_tables(case.dsn).values())
    if not rows:
        raise UsageError(
            f"populate filled nothing at size {size}",
            where=comparison.name,
            remedy="add rows and commit them",
        )
    return {"size": size, "rows": rows}


def _leaves(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield place, f"keys={sorted(map(str, value))}"
        for key, each in value.items():
            yield from _leaves(each, f"{place}[{key!r}]")
    elif isinstance(value, list):
        yield place, f"items={len(value)}"
        for number, each in enumerate(value):
            yield from _leaves(each, f"{place}[{number}]")
    else:
        yield place, f"{type(value).__name__}={value!r}"
