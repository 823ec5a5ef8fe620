"""Writes and reads `results.json`, and writes every other file of a report, each in one step."""

import contextlib
import os
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from claimbench.errors import ClaimbenchError, NothingToCompareError, UsageError
from claimbench.reports.record.run import SCHEMA, ResultRecord

RESULTS = "results.json"


def to_json(record: ResultRecord) -> str:
    """The text of `results.json`; the same record gives the same text."""
    return record.model_dump_json(by_alias=True, indent=1) + "\n"


def read_record(path: Path) -> ResultRecord:
    """The record in a `results.json`, or in the folder that holds one.

    Raises `UsageError` (exit 2) if it cannot be read, is cut off or has a wrong value, and
    `NothingToCompareError` (exit 4) if it is of another schema or of another program.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot be read ({_reason(error)})", where=str(file), remedy="name a results.json or its folder"
        ) from None
    _refuse_foreign(content, file)
    try:
        return ResultRecord.model_validate_json(content)
    except ValidationError as error:
        raise _explained(error, file) from None


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing: into a temporary file beside it, then renamed over it.

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
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> UsageError:
    """What to tell the user about a file that cannot be written."""
    return UsageError(
        f"cannot be written ({_reason(error)})",
        where=str(path),
        remedy="free space there, or name another folder",
    )


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _refuse_foreign(content: bytes, file: Path) -> None:
    try:
        parsed = from_json(content)
    except ValueError as error:
        raise UsageError(
            f"is no JSON, or cut off: {error}", where=str(file), remedy="run again to make it anew"
        ) from None
    schema = parsed.get("schema") if isinstance(parsed, dict) else None
    if schema != SCHEMA:
        what = (
            f"is of schema {schema!r}, not {SCHEMA!r}"
            if schema
            else "is no result of claimbench: it has no schema"
        )
        raise NothingToCompareError(
            what, where=f"{file}: schema", remedy="run again with this version, or name another file"
        )


def _explained(error: ValidationError, file: Path) -> ClaimbenchError:
    first = error.errors()[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    what = first["msg"][:1].lower() + first["msg"][1:]
    return UsageError(what, where=f"{file}: {key}", remedy="run again to make it anew")
