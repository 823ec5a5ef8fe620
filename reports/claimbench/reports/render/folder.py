"""The one owner of a report's files: everything in the folder is drawn from `results.json`."""

import contextlib
from pathlib import Path

from claimbench.reports import charts
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import RESULTS, to_json, unwritable, write_text
from claimbench.reports.render import html, junit, markdown

HTML = "report.html"
MARKDOWN = "report.md"
JUNIT = "junit.xml"
CHARTS = "charts"


def write_folder(record: ResultRecord, folder: Path) -> Path:
    """Write the whole report; return the path of its page. The results come first, so that they survive.

    Raises `UsageError` (exit 2) naming the file that cannot be written.
    """
    write_text(folder / RESULTS, to_json(record))
    return draw_folder(record, folder)


def draw_folder(record: ResultRecord, folder: Path) -> Path:
    """Write everything but the results: drawing twice gives the same bytes."""
    drawn = charts.draw(record)
    _remove_old_charts(folder / CHARTS)
    write_text(folder / MARKDOWN, markdown.render(record))
    write_text(folder / JUNIT, junit.render(record))
    for chart in drawn:
        write_text(folder / CHARTS / f"{chart.name}.svg", chart.svg)
    write_text(folder / HTML, html.render(record, drawn))
    return folder / HTML


def _remove_old_charts(folder: Path) -> None:
    """A chart of an earlier run must not stand beside a report that has no numbers for it."""
    for name in charts.NAMES:
        try:
            (folder / f"{name}.svg").unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(folder / f"{name}.svg", error) from None
    with contextlib.suppress(OSError):  # not there, or not empty: a user's own files stay
        folder.rmdir()
