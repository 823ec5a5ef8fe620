"""The one owner of a load report's files: everything in the folder is drawn from `load.json`."""

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from claimbench.errors import NothingToCompareError, UsageError
from claimbench.reports.charts.load import draw_load
from claimbench.reports.record.load import LOAD_SCHEMA, LoadRecord
from claimbench.reports.record.store import write_text
from claimbench.reports.render import load_html as html
from claimbench.reports.render import load_text as text

LOAD = "load.json"
HTML = "report.html"
MARKDOWN = "report.md"
JUNIT = "junit.xml"
CHARTS = "charts"


def write_load_folder(record: LoadRecord, folder: Path) -> Path:
    """Write the whole report; return the path of its page. The record comes first, so that it survives.

    Raises `UsageError` (exit 2) naming the file that cannot be written.
    """
    write_text(folder / LOAD, record.model_dump_json(by_alias=True, indent=1) + "\n")
    return draw_load_folder(record, folder)


def draw_load_folder(record: LoadRecord, folder: Path) -> Path:
    """Write everything but the record: drawing twice gives the same bytes."""
    charts = draw_load(record)
    write_text(folder / MARKDOWN, text.markdown(record))
    write_text(folder / JUNIT, text.junit(record))
    for chart in charts:
        write_text(folder / CHARTS / f"{chart.name}.svg", chart.svg)
    write_text(folder / HTML, html.render(record, charts))
    return folder / HTML


def read_load_record(path: Path) -> LoadRecord:
    """The record in a `load.json`, or in the folder that holds one.

    Raises `UsageError` (exit 2) if it cannot be read or has a wrong value, `NothingToCompareError`
    (exit 4) if it is of another schema.
    """
    file = path / LOAD if path.is_dir() else path
    remedy = "run claimbench load again to make it anew"
    try:
        content = file.read_bytes()
        parsed = from_json(content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot be read ({reason})", where=str(file), remedy="name a load.json") from None
    except ValueError as error:
        raise UsageError(f"is no JSON, or cut off: {error}", where=str(file), remedy=remedy) from None
    schema = parsed.get("schema") if isinstance(parsed, dict) else None
    if schema != LOAD_SCHEMA:
        what = f"is of schema {schema!r}, not {LOAD_SCHEMA!r}"
        raise NothingToCompareError(what, where=f"{file}: schema", remedy="name another file")
    try:
        return LoadRecord.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(first["msg"].lower(), where=f"{file}: {key}", remedy=remedy) from None
