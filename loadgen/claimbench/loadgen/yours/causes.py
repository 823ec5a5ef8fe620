"""Why a statement was sent: the relationship that an ORM loaded for it, and the remedy, read from the stack.

Nothing of an ORM is imported or listened to, so that an application behaves as it does without us.
"""

from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(frozen=True, slots=True)
class Cause:
    """What was loaded, and what would load it at once; empty when nothing is known of it."""

    relationship: str = ""
    remedy: str = ""


UNKNOWN = Cause()


def cause_of(frame: FrameType | None) -> Cause:
    """The first cause that is found from the statement outwards."""
    hinted: Cause | None = None
    while frame is not None:
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        if "sqlalchemy" in file:
            found = _of_sqlalchemy(name, frame.f_locals)
            if found:
                return found
        elif "django" in file:
            if name == "prefetch_one_level":
                return UNKNOWN  # that is the remedy, at work
            found = _of_django_attribute(name, file, frame.f_locals)
            if found:
                return found
            hinted = _of_django_queryset(name, frame.f_locals) or hinted
        frame = frame.f_back
    return hinted or UNKNOWN


def _of_sqlalchemy(name: str, values: dict[str, Any]) -> Cause | None:
    if name == "_load_for_state" and hasattr(values.get("self"), "parent_property"):
        loaded = values["self"].parent_property
        relationship = f"{loaded.parent.class_.__name__}.{loaded.key}"
        return Cause(relationship, f"selectinload({relationship})")
    if name.lstrip("_") == "load_scalar_attributes" and "mapper" in values:
        owner = values["mapper"].class_.__name__
        remedy = f"undefer(…), or expire_on_commit=False, for {owner}"
        return Cause(f"{owner} (columns deferred or expired)", remedy)
    if name == "get" and "entity" in values and "ident" in values:
        entity = getattr(values["entity"], "__name__", "…")
        return Cause(f"{entity} by its key", f"one select({entity}) with .in_(keys)")
    return None


def _of_django_attribute(name: str, file: str, values: dict[str, Any]) -> Cause | None:
    """A descriptor of a to-one relation, or of a column that was left out."""
    me = values.get("self")
    if name != "__get__" or me is None:
        return None
    if file.endswith("related_descriptors.py"):
        relation = getattr(me, "related", None) or getattr(me, "field", None)
        if relation is None:
            return None
        is_forward = "field" in vars(me)
        accessor = relation.name if is_forward else relation.get_accessor_name()
        return Cause(f"{relation.model.__name__}.{accessor}", f'select_related("{accessor}")')
    if file.endswith("query_utils.py") and hasattr(me, "field"):
        column = me.field.name
        return Cause(f"{me.field.model.__name__}.{column}", f'load "{column}": defer() or only() left it out')
    return None


def _of_django_queryset(name: str, values: dict[str, Any]) -> Cause | None:
    """A queryset that a related manager made for one object."""
    me = values.get("self")
    owner = getattr(me, "_hints", {}).get("instance") if hasattr(me, "_known_related_objects") else None
    if me is None or owner is None:
        return None
    if known := list(me._known_related_objects):
        accessor = known[0].remote_field.get_accessor_name()
    else:
        relations = [each for each in type(owner)._meta.get_fields() if each.many_to_many]
        related = [each for each in relations if each.related_model is me.model]
        accessor = " or ".join(
            each.name if hasattr(each, "attname") else each.get_accessor_name() for each in related
        )
    remedy = f'annotate(Count("{accessor}"))' if name == "count" else f'prefetch_related("{accessor}")'
    return Cause(f"{type(owner).__name__}.{accessor}", remedy)
