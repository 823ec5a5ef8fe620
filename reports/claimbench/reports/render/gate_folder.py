"""The one owner of a gate's files: everything in the folder is drawn from `gate.json`."""

from pathlib import Path

from pydantic import ValidationError

from claimbench.errors import NothingToCompareError, UsageError
from claimbench.reports.record.gate import GATE_SCHEMA, GateRecord
from claimbench.reports.record.store import write_text
from claimbench.reports.render import gate as renderers
from claimbench.reports.render import github as annotations
from claimbench.reports.render import sticky_comment

GATE = "gate.json"
JUNIT = "junit.xml"
COMMENT = "comment.md"
ANNOTATIONS = "annotations.txt"


def write_gate(gate: GateRecord, folder: Path) -> None:
    """Write the result and what is drawn from it; `UsageError` (exit 2) names what cannot be written."""
    write_text(folder / GATE, renderers.to_json(gate))
    write_text(folder / JUNIT, renderers.to_junit(gate))
    write_text(folder / COMMENT, sticky_comment.render(gate))
    write_text(folder / ANNOTATIONS, annotations.render(gate))


def read_gate(folder: Path) -> GateRecord | None:
    """The result in a folder, or None when nothing was checked there.

    Raises `UsageError` (exit 2) if it is cut off or edited, `NothingToCompareError` (exit 4) if foreign.
    """
    file = folder / GATE
    if not file.is_file():
        return None
    content = file.read_bytes()
    if GATE_SCHEMA.encode() not in content[:200]:
        raise NothingToCompareError(
            f"is no {GATE_SCHEMA!r}", where=str(file), remedy="check again with this version"
        )
    try:
        return GateRecord.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(first["msg"].lower(), where=f"{file}: {key}", remedy="check again") from None
