"""Two results as plain values, and the first places where they differ."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any
from uuid import UUID

from claimbench.errors import UsageError

_PLAIN = (str, bytes, bool, int, float, complex, Decimal, date, time, timedelta, UUID, Enum, type(None))
TOLD = 5


def plain(value: Any, path: str = "result") -> Any:  # noqa: PLR0911 (a table of types)
    """The value as dicts, lists and plain values. `UsageError` names a type that cannot be compared.

    Iterators are consumed, so call it while counting; of an ORM's object that is taken which is loaded, so
    nothing is asked of the database.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {key: plain(each, f"{path}[{key!r}]") for key, each in value.items()}
    if isinstance(value, Set):
        return sorted((plain(each, path) for each in value), key=repr)
    named = _of_a_library(value, path)
    if named is not None:
        return named
    if isinstance(value, Iterable):
        return [plain(each, f"{path}[{number}]") for number, each in enumerate(value)]
    if callable(value) or not hasattr(value, "__dict__"):
        raise UsageError(
            f"a {type(value).__name__} cannot be compared",
            where=path,
            remedy="return plain values, dataclasses, models or rows",
        )
    return _attributes(vars(value), path)


def _of_a_library(value: Any, path: str) -> Any:  # noqa: PLR0911 (a table of types)
    """Rows, models, dataclasses, responses and arrays; None for everything else."""
    if (state := getattr(value, "_sa_instance_state", None)) is not None:
        loaded = {name: each for name, each in state.dict.items() if name != "_sa_instance_state"}
        return _attributes(loaded, path)
    if hasattr(value, "_state") and hasattr(value, "_meta"):  # a model of Django
        loaded = {each.attname: value.__dict__.get(each.attname) for each in value._meta.concrete_fields}
        return _attributes(loaded, path)
    if hasattr(value, "model_dump"):
        return _attributes(value.model_dump(), path)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        loaded = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return _attributes(loaded, path)
    if hasattr(value, "status_code") and hasattr(value, "content"):
        is_json = "json" in (value.headers.get("content-type") or "")
        body = value.json() if is_json else value.content
        return {"status": value.status_code, "body": plain(body, f"{path}.body")}
    if hasattr(value, "_mapping"):
        return plain(dict(value._mapping), path)
    if hasattr(value, "__array__") and hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return plain(value.to_dict("records"), path)
    return None


def _attributes(loaded: Mapping[str, Any], path: str) -> dict[str, Any]:
    public = {name: each for name, each in loaded.items() if not name.startswith("_")}
    return {name: plain(each, f"{path}.{name}") for name, each in sorted(public.items())}


def differences(old: Any, new: Any, path: str = "result") -> Iterator[str]:
    """A sentence for each place where two plain values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in old or key not in new:
                yield f"{path}[{key!r}]: only the {'new' if key in new else 'old'} result has it"
            else:
                yield from differences(old[key], new[key], f"{path}[{key!r}]")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{path}: {len(old)} items with the old, {len(new)} with the new"
        for number, (each, other) in enumerate(zip(old, new, strict=False)):
            yield from differences(each, other, f"{path}[{number}]")
    elif not _equal(old, new):
        yield f"{path}: {_shown(old)} with the old, {_shown(new)} with the new"


def told_differences(old: Any, new: Any) -> list[str]:
    """The first few of them, and that there are more."""
    found = list(islice(differences(old, new), TOLD + 1))
    return [*found[:TOLD], "and more"] if len(found) > TOLD else found


def _equal(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    both_nan = isinstance(old, float) and math.isnan(old) and math.isnan(new)
    return both_nan or bool(old == new)


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '…'} ({type(value).__name__})"
