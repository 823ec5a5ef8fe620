"""A page as Markdown, for a pull request or a step summary."""

import re
from collections.abc import Iterator

from claimbench.reports.pages.page import (
    Align,
    Block,
    Bullets,
    Chart,
    Code,
    Findings,
    Fold,
    LargeFigures,
    Line,
    Page,
    PageTable,
    Paragraph,
    Section,
)
from claimbench.reports.wording import printable


def render(page: Page) -> str:
    """The verdict, then every section in its order."""
    return "\n\n".join(_parts(page)) + "\n"


def _parts(page: Page) -> Iterator[str]:
    yield f"# {escaped(page.title)}"
    if page.banner:
        yield f"**{page.banner.headline}** (exit {page.banner.exit_code}): {escaped(page.banner.reason)}."
    for section in page.sections:
        yield f"## {escaped(section.title)}"
        yield from blocks(section)
    started = f", started {escaped(page.started_at)}" if page.started_at else ""
    yield f"Drawn by claimbench {escaped(page.version)}{started}."


def blocks(section: Section) -> Iterator[str]:
    """What stands below a heading; a table's title is left out where the heading says it."""
    for block in section.blocks:
        title = getattr(block, "title", "")
        if isinstance(block, PageTable | Findings | LargeFigures) and title != section.title:
            yield f"**{escaped(title)}**"
        yield drawn(block)


def drawn(block: Block) -> str:
    """A block without its title; a chart is told in words."""
    match block:
        case Paragraph(line):
            return inline(line)
        case Bullets(lines):
            return "\n".join(f"- {inline(line)}" for line in lines)
        case PageTable():
            return _table(block)
        case Findings() | LargeFigures():
            return _table(block.table)
        case Chart():
            return folded(f"Chart: {block.title}", escaped(block.description))
        case Fold(summary, inner):
            return folded(summary, "\n\n".join(drawn(each) for each in inner))


def folded(summary: str, text: str) -> str:
    """Behind a line that says what it is."""
    return f"<details><summary>{escaped(summary)}</summary>\n\n{text}\n\n</details>"


def inline(line: Line) -> str:
    """A sentence with its names and commands as code."""
    return "".join(
        f"`{printable(part.text).replace('`', '')}`" if isinstance(part, Code) else escaped(part)
        for part in line
    )


def escaped(text: str) -> str:
    """Text that Markdown and the HTML inside it leave as it is, on one line."""
    safe = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", safe)


def _table(table: PageTable) -> str:
    if not table.rows:
        return "Nothing was measured."
    rules = ["---:" if column.align is Align.RIGHT else "---" for column in table.columns]
    heads = tuple(column.head for column in table.columns)
    lines = [[escaped(cell) for cell in row] for row in (heads, *table.rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (lines[0], rules, *lines[1:]))
