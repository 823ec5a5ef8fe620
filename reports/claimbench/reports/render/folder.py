"""The one owner of a result folder: everything in it is drawn from the record that stands there."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from claimbench.reports import charts
from claimbench.reports.pages.gate import gate_page
from claimbench.reports.pages.load import load_page
from claimbench.reports.pages.page import Page
from claimbench.reports.pages.run import run_page
from claimbench.reports.pages.scale import scale_page
from claimbench.reports.pages.soak import soak_page
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.load import LoadRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.scale import ScaleRecord
from claimbench.reports.record.soak import SoakRecord
from claimbench.reports.record.store import (
    GATE,
    LOAD,
    RUN,
    SCALE,
    SOAK,
    DocumentKind,
    unwritable,
    write,
    write_text,
)
from claimbench.reports.render import github, html, junit, markdown
from claimbench.scenarios.grammar import Frozen

CHARTS = "charts"

Stored = ResultRecord | LoadRecord | SoakRecord | ScaleRecord | GateRecord


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    render: Callable[[Page], str]


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is written for a kind of document; the last file is the one that people read."""

    kind: DocumentKind[Frozen]
    drawn: tuple[_File, ...]


_JUNIT, _HTML = _File("junit.xml", junit.render), _File("report.html", html.render)
_LAYOUTS = {
    ResultRecord: _Layout(RUN, (_File("report.md", markdown.render), _JUNIT, _HTML)),
    LoadRecord: _Layout(LOAD, (_File("report.md", markdown.render), _JUNIT, _HTML)),
    SoakRecord: _Layout(SOAK, (_HTML, _JUNIT, _File("soak.md", markdown.render))),
    ScaleRecord: _Layout(SCALE, (_File("report.md", markdown.render), _JUNIT, _HTML)),
    GateRecord: _Layout(
        GATE,
        (
            _JUNIT,
            _File("annotations.txt", github.annotations),
            _File("comment.md", github.comment),
        ),
    ),
}


def write_folder(record: Stored, folder: Path) -> Path:
    """Write record and report; return the path of its page. The record comes first, so that it survives.

    Raises `UsageError` (exit 2) naming the file that cannot be written.
    """
    kind = _LAYOUTS[type(record)].kind
    write(kind, record, folder / kind.file)
    return draw_folder(record, folder)


def draw_folder(record: Stored, folder: Path) -> Path:
    """Write everything but the record: drawing twice gives the same bytes."""
    page, files = _page(record), _LAYOUTS[type(record)].drawn
    _remove_old_charts(folder / CHARTS)
    for chart in page.charts:
        write_text(folder / CHARTS / f"{chart.name}.svg", chart.svg)
    for file in files:
        write_text(folder / file.name, file.render(page))
    return folder / files[-1].name


def _page(record: Stored) -> Page:
    match record:
        case ResultRecord():
            return run_page(record, charts.draw(record))
        case LoadRecord():
            return load_page(record, charts.draw_load(record))
        case SoakRecord():
            return soak_page(record)
        case ScaleRecord():
            return scale_page(record, charts.draw_scale(record))
        case GateRecord():
            return gate_page(record)


def _remove_old_charts(folder: Path) -> None:
    """A chart of an earlier run must not stand beside a report that has no numbers for it."""
    for name in charts.NAMES:
        try:
            (folder / f"{name}.svg").unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(folder / f"{name}.svg", error) from None
    with contextlib.suppress(OSError):  # not there, or not empty: a user's own files stay
        folder.rmdir()
