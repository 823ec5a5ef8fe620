"""Pipelines by name: entry points of group `claimbench.pipelines`, or `module:attribute`."""

from importlib import import_module
from importlib.metadata import entry_points

from claimbench.impl.errors import PipelineLookupError
from claimbench.impl.ports import PipelineFactory

GROUP = "claimbench.pipelines"


def pipeline_names() -> tuple[str, ...]:
    """The registered names, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def find_pipeline(name: str) -> PipelineFactory:
    """The factory of this name; PipelineLookupError says what there is instead."""
    found = _imported(name) if ":" in name else _registered(name)
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
        return entry.load()
    raise PipelineLookupError(
        f"there is no pipeline {name!r}",
        where="arm",
        remedy=f"use one of {', '.join(pipeline_names())}, or your own as module:attribute",
    )


def _imported(name: str) -> object:
    module_name, _, attribute = name.partition(":")
    try:
        found: object = import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise PipelineLookupError(
            f"{name!r} cannot be imported ({error})",
            where="arm",
            remedy="write module:attribute with the module on PYTHONPATH",
        ) from error
    except Exception as error:
        raise PipelineLookupError(
            f"{name!r} cannot be imported ({type(error).__name__}: {error})",
            where="arm",
            remedy="mend the module",
        ) from error
    return found
