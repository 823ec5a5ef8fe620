"""CSV for spreadsheets: what a spreadsheet would take for a formula is made plain text first."""

import csv
import io
import re
from collections.abc import Iterable, Iterator

from claimbench.impl.service.operations_log import LogLine
from claimbench.impl.service.overview import Overview

Cell = str | int | float | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that begins so is executed by Excel, LibreOffice and others (OWASP, CSV injection)."""
_STARTS = "".join(re.escape(sign) for sign in FORMULA_STARTS)
_RISKS = re.compile(rf"""(^|[;\t\r\n])(?=[\s"']*[{_STARTS}])""")
"""Where a cell may begin: with the text, and, where a list is parted by semicolons, after one."""

QUEUE_COLUMNS = (
    "company_id",
    "company",
    "operation",
    "unit",
    "waiting",
    "done",
    "failed",
    "oldest_waiting_at",
    "total_tokens",
    "cost_usd",
)
OPERATION_COLUMNS = (
    "worker",
    "pipeline",
    "operation",
    "runs",
    "errors",
    "mean_ms",
    "p50_ms",
    "p95_ms",
    "max_ms",
    "claimed",
    "created",
    "completed",
    "failed",
    "skipped",
    "last_at",
)
LOG_COLUMNS = ("at", "worker", "operation", "level", "company_id", "duration_ms", "detail")


def harmless(cell: object) -> Cell:
    """The cell as it may stand in a CSV file: numbers as they are, text never a formula.

    An apostrophe before it makes it text, at the beginning and after each semicolon, tab or line break.
    """
    if cell is None or isinstance(cell, int | float):
        return cell
    return _RISKS.sub(r"\1'", str(cell))


def queue_csv(overview: Overview) -> Iterator[str]:
    """The queue: a line per company and operation."""
    rows = ([getattr(row, column) for column in QUEUE_COLUMNS] for row in overview.queue)
    return _lines(QUEUE_COLUMNS, rows)


def operations_csv(overview: Overview) -> Iterator[str]:
    """The stages: a line per worker and operation."""
    rows = (
        [
            worker.name,
            worker.pipeline,
            *(getattr(operation, column) for column in OPERATION_COLUMNS[2:]),
        ]
        for worker in overview.workers
        for operation in worker.operations
    )
    return _lines(OPERATION_COLUMNS, rows)


def log_csv(lines: Iterable[LogLine]) -> Iterator[str]:
    """The log: a line per entry, newest first."""
    return _lines(LOG_COLUMNS, ([getattr(line, column) for column in LOG_COLUMNS] for line in lines))


def _lines(columns: tuple[str, ...], rows: Iterable[list[object]]) -> Iterator[str]:
    yield _line(columns)
    for row in rows:
        yield _line(row)


def _line(cells: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([harmless(cell) for cell in cells])
    return buffer.getvalue()
