"""What is compared: functions of a user, how their database is filled, and what is claimed of them."""

import functools
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine

from claimbench.errors import UsageError
from claimbench.loadgen.yours.dsn import Dsn

SIZES = (10, 30, 100)
_BETWEEN = "::"


class Case:
    """One comparison on one database of its own: where that is, and which functions are compared on it."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.functions: dict[str, Callable[[], Any]] = {}
        self.claimed: list[str] = []

    @functools.cached_property
    def engine(self) -> Engine:
        """An engine on the database, made when it is asked for."""
        return create_engine(self.url)

    @property
    def dsn(self) -> str:
        """The database as libpq reads it; it holds the password."""
        return Dsn.of(self.url)

    def reference(self, function: Callable[[], Any]) -> None:
        """What the other is compared with; called without arguments."""
        self.functions["reference"] = function

    def candidate(self, function: Callable[[], Any]) -> None:
        """What is to do the same work."""
        self.functions["candidate"] = function

    def claims(self, *lines: str) -> None:
        """What is claimed, each as `metric: claim`, such as `statements: reduction 80..100 %`."""
        self.claimed += lines


Define = Callable[[Case], None]
Populate = Callable[[Case, int], Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison under its name: `define` names the functions of a case, `populate` fills its database."""

    name: str
    define: Define
    populate: Populate
    sizes: tuple[int, ...] = SIZES
    place: str = field(default="", compare=False)

    def claimed(self) -> tuple[str, ...]:
        """What is claimed, without a database."""
        case = Case(URL.create("postgresql+psycopg"))
        self.define(case)
        missing = [name for name in ("reference", "candidate") if name not in case.functions]
        if missing:
            raise UsageError(
                f"names no {missing[0]}", where=self.name, remedy=f"call case.{missing[0]}(…) in it"
            )
        return tuple(case.claimed)


def comparisons_in(file: Path) -> tuple[Comparison, ...]:
    """Those that a file defines with `@compare`, in its order. `UsageError` if it has none."""
    spec = importlib.util.spec_from_file_location(f"claimbench_file_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise UsageError(
            "cannot be read", where=str(file), remedy="name a Python file with @claimbench.compare"
        )
    sys.path.insert(0, str(file.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(
            f"cannot be imported: {type(error).__name__}: {error}", where=str(file), remedy="mend it"
        ) from error
    found = tuple(each for each in vars(module).values() if isinstance(each, Comparison))
    if not found:
        raise UsageError(
            "has no comparison", where=str(file), remedy="decorate a function with @claimbench.compare"
        )
    return found


def comparison_of(pipeline: str) -> Comparison:
    """The comparison that an arm names: `FILE::NAME`, or `old:f::new:f::module:populate`."""
    parts = pipeline.split(_BETWEEN)
    if len(parts) == 2:
        found = [each for each in comparisons_in(Path(parts[0])) if each.name == parts[1]]
        return found[0]
    reference, candidate, populate = (_attribute(each) for each in parts)

    def define(case: Case) -> None:
        case.reference(functools.partial(reference, case))
        case.candidate(functools.partial(candidate, case))

    return Comparison(pipeline, define, populate)


def named(*parts: str) -> str:
    """What `comparison_of` reads."""
    return _BETWEEN.join(parts)


def _attribute(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{place!r} cannot be imported: {error}", where="compare", remedy="write module:function"
        ) from error
    return found
