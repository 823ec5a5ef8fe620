"""Reads and writes every stored document, and writes every other file of a report, each in one step.

All kinds are told apart by their schema, read by one function, and refused in the same words.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from claimbench.errors import ClaimbenchError, NothingToCompareError, UsageError
from claimbench.reports.record.calibration import CALIBRATION_SCHEMA, Calibration
from claimbench.reports.record.gate import BASELINE_SCHEMA, GATE_SCHEMA, Baseline, GateRecord
from claimbench.reports.record.load import LOAD_SCHEMA, LoadRecord
from claimbench.reports.record.run import SCHEMA, ResultRecord
from claimbench.reports.record.scale import SCALE_SCHEMA, ScaleRecord
from claimbench.reports.record.soak import SOAK_SCHEMA, SoakRecord
from claimbench.scenarios.grammar import Frozen

DocumentT_co = TypeVar("DocumentT_co", bound=Frozen, covariant=True)


def to_json(document: Frozen) -> str:
    """The text of a document; the same document gives the same text."""
    return document.model_dump_json(by_alias=True, indent=1) + "\n"


def _with_a_line_for_each_counter(baseline: Baseline) -> str:
    """So that a diff shows which ones changed."""
    table = baseline.model_dump(by_alias=True, mode="json")
    counters = table.pop("counters")
    head = json.dumps(table, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in counters)
    return f'{head},\n "counters": [\n  {lines}\n ]\n}}\n'


@dataclass(frozen=True, slots=True)
class DocumentKind(Generic[DocumentT_co]):
    """A kind of document: its model and version, its file, and what users do with it.

    made_by, read_by: commands that make one and that read one. restored_by: what helps against a file that
    is cut off or edited. missing: what is raised where there is none.
    """

    name: str
    model: type[DocumentT_co]
    schema: str
    file: str
    made_by: str
    read_by: str
    restored_by: str
    missing: type[ClaimbenchError] = UsageError

    @property
    def program(self) -> str:
        """The schema without its version."""
        return self.schema.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version that is written and read."""
        return self.schema.rpartition("/")[2]

    def text(self, document: Frozen) -> str:
        """What the file holds."""
        if isinstance(document, Baseline):
            return _with_a_line_for_each_counter(document)
        return to_json(document)


RUN = DocumentKind(
    "results of a run",
    ResultRecord,
    SCHEMA,
    "results.json",
    made_by="claimbench run",
    read_by="claimbench report, check, recheck, trend or baseline save",
    restored_by="run again to make it anew: claimbench run",
)
GATE = DocumentKind(
    "results of a gate",
    GateRecord,
    GATE_SCHEMA,
    "gate.json",
    made_by="claimbench check",
    read_by="claimbench recheck with the folder of the run",
    restored_by="check again to make it anew: claimbench check",
)
LOAD = DocumentKind(
    "results of a load",
    LoadRecord,
    LOAD_SCHEMA,
    "load.json",
    made_by="claimbench load",
    read_by="claimbench report",
    restored_by="run claimbench load again to make it anew",
)
SOAK = DocumentKind(
    "results of a soak",
    SoakRecord,
    SOAK_SCHEMA,
    "soak.json",
    made_by="claimbench soak",
    read_by="claimbench report",
    restored_by="run claimbench soak again to make it anew",
)
SCALE = DocumentKind(
    "results of a scale report",
    ScaleRecord,
    SCALE_SCHEMA,
    "scale.json",
    made_by="claimbench scale",
    read_by="claimbench report",
    restored_by="run claimbench scale again to make it anew",
)
BASELINE = DocumentKind(
    "a baseline",
    Baseline,
    BASELINE_SCHEMA,
    "claimbench-baseline.json",
    made_by="claimbench baseline save RESULTS",
    read_by="claimbench check --baseline",
    restored_by="restore it from version control, or promote a run",
    missing=NothingToCompareError,
)
CALIBRATION = DocumentKind(
    "a calibration",
    Calibration,
    CALIBRATION_SCHEMA,
    "calibration.json",
    made_by="claimbench calibrate",
    read_by="claimbench check --calibration, or claimbench calibrate --from",
    restored_by="record it anew with: claimbench calibrate",
)
KINDS: tuple[DocumentKind[Frozen], ...] = (RUN, GATE, LOAD, SOAK, SCALE, BASELINE, CALIBRATION)


def read(kind: DocumentKind[DocumentT_co], path: Path) -> DocumentT_co:
    """The document of this kind in a file, or in the folder that holds one.

    Raises `UsageError` (exit 2) if it cannot be read, is cut off or has a wrong value, and
    `NothingToCompareError` (exit 4) if it is of another kind, another version or another program, if it is
    an empty baseline, or if it is a baseline that is not there.
    """
    return read_one_of((kind,), path)


def read_one_of(kinds: tuple[DocumentKind[DocumentT_co], ...], path: Path) -> DocumentT_co:
    """As `read`, where a verb takes documents of several kinds."""
    file = _file(kinds, path)
    try:
        content = file.read_bytes()
    except OSError as error:
        first = kinds[0]
        names = " or ".join(f"a {each.file}" for each in kinds)
        raise first.missing(
            f"cannot be read ({_reason(error)})",
            where=str(file),
            remedy=f"name {names} or its folder; one is made by: {first.made_by}",
        ) from None
    kind = _kind(kinds, content, file)
    try:
        document = kind.model.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise _explained(error, kind, file) from None
    if isinstance(document, Baseline) and document.is_empty:
        raise NothingToCompareError(
            "holds no counter, or zeros only", where=str(file), remedy=f"save a real one with: {kind.made_by}"
        )
    if isinstance(document, Baseline) and document.is_edited:
        raise UsageError(
            "what it says of its run or its counters was edited since they were saved",
            where=str(file),
            remedy=kind.restored_by,
        )
    return document


def _file(kinds: tuple[DocumentKind[DocumentT_co], ...], path: Path) -> Path:
    """In a folder the first wanted one that is there; else any that is there, to be refused by its name."""
    if not path.is_dir():
        return path
    names = [*(each.file for each in kinds), *(each.file for each in KINDS)]
    return path / next((name for name in names if (path / name).exists()), names[0])


def _kind(
    kinds: tuple[DocumentKind[DocumentT_co], ...], content: bytes, file: Path
) -> DocumentKind[DocumentT_co]:
    """The kind that the document says it is, if it is one of those wanted."""
    try:
        parsed = from_json(content)
    except ValueError as error:
        raise UsageError(
            f"is no JSON, or cut off: {error}", where=str(file), remedy=kinds[0].restored_by
        ) from None
    schema = parsed.get("schema") if isinstance(parsed, dict) else None
    for kind in kinds:
        if schema == kind.schema:
            return kind
    wanted = " or ".join(f"{each.name} ({each.schema})" for each in kinds)
    raise NothingToCompareError(
        f"holds {_told(schema)}, not {wanted}", where=f"{file}: schema", remedy=_remedy(schema, kinds[0])
    )


def _known(schema: object) -> DocumentKind[Frozen] | None:
    program = schema.rpartition("/")[0] if isinstance(schema, str) else ""
    return next((kind for kind in KINDS if kind.program == program), None)


def _told(schema: object) -> str:
    if not schema:
        return "nothing of claimbench, as it has no schema"
    known = _known(schema)
    return f"{known.name} ({schema})" if known else f"something of schema {schema!r}"


def _remedy(schema: object, wanted: DocumentKind[Frozen]) -> str:
    known = _known(schema)
    if known is None:
        return f"name another file; one is made by: {wanted.made_by}"
    if schema != known.schema:
        return f"this version reads {known.schema}, so make it anew with: {known.made_by}"
    return f"it is read by: {known.read_by}"


def _explained(error: ValidationError, kind: DocumentKind[Frozen], file: Path) -> UsageError:
    first = error.errors()[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    what = first["msg"].removeprefix("Value error, ")
    return UsageError(
        what[:1].lower() + what[1:], where=f"{file}: {key}" if key else str(file), remedy=kind.restored_by
    )


def runs_below(folder: Path) -> tuple[ResultRecord, ...]:
    """Every run in a folder and below, oldest first.

    Raises `NothingToCompareError` (exit 4) when there is none, and what `read` raises for a bad one.
    """
    files = sorted(folder.rglob(RUN.file))
    if not files:
        raise NothingToCompareError(
            f"there is no {RUN.file} below it",
            where=str(folder),
            remedy="name the folder that holds the runs",
        )
    return tuple(sorted((read(RUN, file) for file in files), key=lambda each: each.moment))


def write(kind: DocumentKind[Frozen], document: Frozen, path: Path) -> None:
    """Write a document into a folder under its kind's name, or into a file; `UsageError` if that fails."""
    write_text(path / kind.file if path.is_dir() else path, kind.text(document))


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing, at Ctrl-C too: into a temporary file beside it, then renamed over it.

    Raises `UsageError` (exit 2) naming the file if the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(path, error) from None
        raise


def unwritable(path: Path, error: OSError) -> UsageError:
    """What to tell the user about a file that cannot be written."""
    return UsageError(
        f"cannot be written ({_reason(error)})",
        where=str(path),
        remedy="free space there, or name another folder",
    )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
