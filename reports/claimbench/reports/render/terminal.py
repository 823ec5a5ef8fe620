"""A page for a terminal, as text: its brief sections, and the verdict last."""

import io
import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from claimbench.reports.pages.page import (
    Align,
    Block,
    Bullets,
    Code,
    Findings,
    LargeFigures,
    Line,
    Page,
    PageTable,
    Paragraph,
    ShownFinding,
    Tone,
)
from claimbench.reports.wording import log_line, printable


class Paint(StrEnum):
    """Whether the terminal takes colours."""

    PLAIN = "plain"
    COLOURED = "coloured"


_STYLES = {
    Tone.GOOD: "green",
    Tone.BETTER: "bold green",
    Tone.BAD: "bold red",
    Tone.OPEN: "yellow",
    Tone.INVALID: "bold yellow",
}

_JUSTIFIED: dict[Align, Literal["left", "right"]] = {Align.LEFT: "left", Align.RIGHT: "right"}

WIDTH_OF_A_LOG = 120
"""Columns for what goes to a file or a pipe, which has no width of its own."""

_LEAST_COLUMNS = 40
_MARK_COLUMNS = 15


def width_of(console: Console) -> int:
    """Columns: a terminal's own, or what COLUMNS says, or enough to read a log by."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else WIDTH_OF_A_LOG


def show(page: Page, console: Console) -> None:
    """Write a page in the console's own width and colours."""
    paint = Paint.COLOURED if console.is_terminal else Paint.PLAIN
    console.file.write(render(page, width_of(console), paint))


def render(page: Page, width: int = 100, paint: Paint = Paint.PLAIN) -> str:
    """The findings, two lines each; short tables and lists; then the verdict and its reason."""
    stream = io.StringIO()
    coloured = paint is Paint.COLOURED
    console = Console(
        file=stream,
        width=max(width, _LEAST_COLUMNS),
        force_terminal=coloured,
        color_system="standard" if coloured else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(Text(printable(page.title), "bold"))
    for section in page.brief:
        for block in section.blocks:
            for drawn in _drawn(block):
                console.print(drawn)
    if page.banner:
        style = _STYLES[page.banner.tone]
        console.print(Text(page.banner.headline, style), Text(f"(exit {page.banner.exit_code})"))
        console.print(Text(printable(page.banner.reason)))
    return "\n".join(log_line(line.rstrip()) for line in stream.getvalue().splitlines()) + "\n"


def _drawn(block: Block) -> Iterator[RenderableType]:
    """What a terminal can show; charts and what is folded away are for pages."""
    match block:
        case Paragraph(line):
            yield _text(line)
        case Bullets(lines):
            yield from (Padding(_text(line), (0, 0, 0, 2)) for line in lines)
        case PageTable():
            yield _table(block)
        case LargeFigures():
            yield _table(block.table)
        case Findings():
            yield Text(printable(block.title), "italic")
            for check in block.checks:
                yield from _check(check, block)
        case _:
            return


def _text(line: Line) -> Text:
    return Text(printable("".join(part.text if isinstance(part, Code) else part for part in line)))


def _check(check: ShownFinding, findings: Findings) -> Iterator[RenderableType]:
    """What and how it did, then what was asked, by how much and why."""
    mark = Text(f"{check.tone.sign} {check.value} ".ljust(_MARK_COLUMNS), _STYLES[check.tone])
    yield mark + Text(printable(check.subject))
    rule = f" ({check.rule})" if check.rule and check.rule not in check.why else ""
    differs = any(each.value != check.value for each in check.by_size)
    sizes = f" ({findings.by_size.lower()}: {check.by_size_text})" if differs else ""
    yield Padding(Text(printable(f"{check.why}{rule}{sizes}")), (0, 0, 0, _MARK_COLUMNS))


def _table(table: PageTable) -> RichTable:
    drawn = RichTable(title=Text(printable(table.title)), title_justify="left", box=SIMPLE_HEAD)
    for column in table.columns:
        head = Text(printable(column.head))
        drawn.add_column(head, justify=_JUSTIFIED[column.align], overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn
