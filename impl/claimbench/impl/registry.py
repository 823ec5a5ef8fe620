"""Pipelines by name: entry points of group `claimbench.pipelines`, or `module:attribute`."""

from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb

from claimbench.impl.errors import PipelineLookupError
from claimbench.impl.ports import PipelineFactory

GROUP = "claimbench.pipelines"


def pipeline_names() -> tuple[str, ...]:
    """The registered names, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def find_pipeline(name: str) -> PipelineFactory:
    """The factory of this name; PipelineLookupError says what there is instead."""
    found = _attribute(name, name) if ":" in name else _registered(name)
    if not callable(found):
        raise PipelineLookupError(
            f"{name!r} is a {type(found).__name__}, not a factory",
            where="arm",
            remedy="name a class or function that takes a PipelineContext",
        )
    factory: PipelineFactory = found
    return factory


def _registered(name: str) -> object:
    for entry in entry_points(group=GROUP, name=name):
        return _attribute(name, entry.value.partition("[")[0].strip())
    raise PipelineLookupError(
        f"there is no pipeline {name!r}",
        where="arm",
        remedy=f"use one of {', '.join(pipeline_names())}, or your own as module:attribute",
    )


def _attribute(name: str, place: str) -> object:
    """What stands at `module:attribute`; a module that is not there and one that fails are two mistakes."""
    module_name, _, attribute = place.partition(":")
    try:
        found: object = import_module(module_name)
    except (Exception, SystemExit) as error:
        if _is_not_there(module_name, error):
            told, remedy = f" ({error})", "write module:attribute with the module on PYTHONPATH"
        else:
            told = f": an error inside its module ({type(error).__name__}: {error}{_line(error)})"
            remedy = "mend the module"
        raise PipelineLookupError(f"{name!r} cannot be imported{told}", where="arm", remedy=remedy) from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise PipelineLookupError(
            f"{name!r} cannot be imported ({error})",
            where="arm",
            remedy="name a class or function of the module",
        ) from error
    return found


def _is_not_there(module_name: str, error: BaseException) -> bool:
    """Whether the module itself, or a package above it, is what was not found."""
    if isinstance(error, ModuleNotFoundError):
        return error.name is not None and f"{module_name}.".startswith(f"{error.name}.")
    return not module_name or module_name.startswith(".")


def _line(error: BaseException) -> str:
    steps = [step for step in extract_tb(error.__traceback__) if "importlib" not in step.filename]
    return f" ({Path(steps[-1].filename).name}, line {steps[-1].lineno})" if len(steps) > 1 else ""
