"""Reads scenarios: those that ship with the package by name, a user's own by path."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from claimbench.errors import UsageError
from claimbench.scenarios.grammar import suggestion
from claimbench.scenarios.model import BATCH_PIPELINE, BatchScenario, Scenario, scenario_model
from claimbench.scenarios.soundness import Complaint, complaints
from claimbench.scenarios.targets import TargetsScenario, held, target_complaints
from claimbench.scenarios.thresholds import Threshold, parse_thresholds

Table = dict[str, Any]
ModelT = TypeVar("ModelT", bound=BaseModel)

COMPUTED = frozenset({"sha256", "source"})
"""Keys of a scenario that its file does not say."""

SHOWN_MOST = 60
"""Signs of a wrong value that are shown again."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A scenario that ships with the package, in a line."""

    name: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A file, whether it lies in a folder or in the installed package."""

    file: Traversable
    where: str

    def read(self) -> bytes:
        try:
            return self.file.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(
                f"cannot be read ({reason})", where=self.where, remedy="check the path and its permissions"
            ) from None

    def table(self) -> Table:
        try:
            return tomllib.loads(self.read().decode())
        except tomllib.TOMLDecodeError as error:
            raise UsageError(
                f"is not TOML: {error}", where=self.where, remedy="mend the file at that place"
            ) from None
        except UnicodeDecodeError:
            raise UsageError("is not UTF-8 text", where=self.where, remedy="save it as UTF-8") from None
        except ValueError as error:
            raise _beyond_any_number(self.where, error) from None


def available() -> tuple[Summary, ...]:
    """The scenarios that ship with the package, in order of their names."""
    tables = [source.table() for source in _shipped("files")]
    return tuple(Summary(table["name"], table["title"], table["why"]) for table in tables)


def load(name_or_path: str | Path) -> Scenario:
    """The scenario of this name, or of the TOML file at this path.

    Raises `UsageError` (exit 2) naming the file, the key, what is wrong and what to do.
    """
    source = _find(str(name_or_path))
    table = source.table()
    claims = _claims_source(source, table)
    content = source.read()
    if claims:
        table["claims"] = [*_claims_of(claims, claims.table()), *_claims_of(source, table)]
        content += claims.read()
    named = table.get("workload")
    kind = scenario_model(named.get("kind", BATCH_PIPELINE) if isinstance(named, dict) else BATCH_PIPELINE)
    scenario = _validated(kind, table | _computed(source, table, content, str(name_or_path)), source.where)
    _refuse(complaints(scenario), source.where)
    return scenario


def holds_targets(name_or_path: str | Path) -> bool:
    """Whether this is a file of targets: services of somebody else, to be loaded from outside."""
    source = _find(str(name_or_path))
    return "targets" in source.table()


def load_targets(path: str | Path) -> TargetsScenario:
    """The targets in the TOML file at this path. `UsageError` as `load`, without repeating a value."""
    source = _find(str(path))
    table = source.table()
    computed = _computed(source, table, source.read(), str(path))
    scenario = _validated(TargetsScenario, table | computed, source.where)
    _refuse(target_complaints(scenario), source.where)
    return held(scenario)


def _computed(source: _Source, table: Table, content: bytes, name: str) -> Table:
    for key in COMPUTED & table.keys():
        raise UsageError("cannot be set", where=f"{source.where}: {key}", remedy="remove it: it is computed")
    return {"sha256": hashlib.sha256(content).hexdigest(), "source": name}


def _refuse(found: Iterable[Complaint], where: str) -> None:
    for complaint in found:
        raise UsageError(complaint.what, where=f"{where}: {complaint.key}", remedy=complaint.remedy)


def load_batch(name_or_path: str | Path) -> BatchScenario:
    """As `load`, for what only the batch pipeline can do. `UsageError` for another workload's scenario."""
    scenario = load(name_or_path)
    if not isinstance(scenario, BatchScenario):
        raise UsageError(
            f"its workload is {scenario.workload.kind!r}, which has no service and no API",
            where=f"{name_or_path}: workload.kind",
            remedy="name a scenario of the batch pipeline",
        )
    return scenario


def _claims_of(source: _Source, table: Table) -> list[Any]:
    own = table.get("claims", [])
    if not isinstance(own, list):
        raise UsageError(
            "is no list", where=f"{source.where}: claims", remedy="write each claim under [[claims]]"
        )
    return own


def _shipped(*folder: str) -> list[_Source]:
    root = files("claimbench.scenarios").joinpath(*folder)
    tomls = sorted(
        (file for file in root.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name
    )
    return [_Source(file, file.name) for file in tomls]


def _find(name_or_path: str) -> _Source:
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        return _Source(path, str(path))
    return _by_name(name_or_path, _shipped("files"), "scenario")


def _by_name(name: str, sources: Sequence[_Source], kind: str) -> _Source:
    known = {source.where.removesuffix(".toml"): source for source in sources}
    if name not in known:
        remedy = suggestion(name, list(known)) + " (a file of your own ends in .toml)"
        raise UsageError(f"there is no {kind} of this name", where=repr(name), remedy=remedy)
    return known[name]


def _claims_source(source: _Source, table: Table) -> _Source | None:
    if "claims_from" not in table:
        return None
    name = table.pop("claims_from")
    where = f"{source.where}: claims_from"
    if not isinstance(name, str):
        raise UsageError(f"{name!r} is no name", where=where, remedy="name a set of claims or a .toml file")
    if name.endswith(".toml"):
        path = Path(source.where).parent / name
        return _Source(path, str(path))
    try:
        return _by_name(name, _shipped("files", "claims"), "set of claims")
    except UsageError as error:
        raise UsageError(f"{name!r}: {error.what}", where=where, remedy=error.remedy) from None


def _validated(kind: type[ModelT], table: Table, where: str) -> ModelT:
    # Through JSON, because only there can pydantic be strict about types and still take lists as tuples.
    try:
        text = json.dumps(table, default=str)
    except ValueError as error:
        raise _beyond_any_number(where, error) from None
    try:
        return kind.model_validate_json(text, strict=True)
    except ValidationError as error:
        # A misspelt key is missing as well; the misspelling is what helps.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise explained(first, where, kind) from None


def _beyond_any_number(where: str, error: ValueError) -> UsageError:
    told = str(error).partition(";")[0]
    return UsageError(f"holds a number that is none ({told})", where=where, remedy="write a smaller one")


def explained(error: ErrorDetails, where: str, kind: type[BaseModel]) -> UsageError:
    """What pydantic found, in one line that names file and key; and the value, if the model shows values."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    place = f"{where}: {key}" if key else where
    if error["type"] == "extra_forbidden":
        known = [name for name in _fields(kind, error["loc"][:-1]) if name not in COMPUTED]
        return UsageError("unknown key", where=place, remedy=suggestion(str(error["loc"][-1]), known))
    if error["type"] == "unexpected_keyword_argument":
        return UsageError("unknown key", where=place, remedy="remove it or rename it")
    if error["type"] == "missing":
        return UsageError("the key is missing", where=place, remedy="add it to the file")
    if error["type"] in ("too_short", "too_long"):
        told = error["ctx"]
        bound = f"at least {told['min_length']}" if "min_length" in told else f"at most {told['max_length']}"
        what = f"{told['actual_length']} entries, and there are {bound}"
        return UsageError(what, where=place, remedy="add or remove some")
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return UsageError(message, where=place, remedy="mend this value")
    what = message[:1].lower() + message[1:]
    shown = "" if kind.model_config.get("hide_input_in_errors") else f", not {_clipped(error['input'])}"
    return UsageError(f"{what}{shown}", where=place, remedy=_within(error.get("ctx", {})))


def _clipped(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MOST else f"{text[:SHOWN_MOST]}…"


def _within(bounds: Mapping[str, float]) -> str:
    if "le" in bounds:
        return f"write {bounds['le']:,} or less"
    return f"write {bounds['ge']:,} or more" if "ge" in bounds else "mend this value"


def _fields(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the model knows at this place."""
    model: type[BaseModel] = kind
    for part in location:
        if isinstance(part, str) and part in (known := _by_key(model)):
            annotation = known[part].annotation
            inner = [each for each in (annotation, *get_args(annotation)) if _is_model(each)]
            model = inner[0] if inner else model
    names = list(_by_key(model))
    return names + (["claims_from"] if issubclass(model, Scenario) else [])


def _by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def project_thresholds(folder: Path) -> tuple[Threshold, ...]:
    """Those of `[tool.claimbench.thresholds]` in the folder's pyproject.toml; none without the file or table.

    Raises `UsageError` (exit 2) naming the file and the key.
    """
    file = folder / "pyproject.toml"
    where = f"{file.name}: tool.claimbench"
    if not file.is_file():
        return ()
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("claimbench", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"cannot be read ({error})", where=file.name, remedy="mend the file") from None
    for key in table:
        if key != "thresholds":
            raise UsageError(
                "unknown key", where=f"{where}.{key}", remedy="known is thresholds; remove it or rename it"
            )
    try:
        return parse_thresholds(table.get("thresholds", {}))
    except ValueError as error:
        raise UsageError(str(error), where=f"{where}.thresholds", remedy="mend this rule") from None
