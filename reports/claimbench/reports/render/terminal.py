"""The verdicts for a terminal, as text."""

import io
import os
from enum import StrEnum

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from claimbench.reports.pages import tables
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.wording import printable


class Paint(StrEnum):
    """Whether the terminal takes colours."""

    PLAIN = "plain"
    COLOURED = "coloured"


_STYLES = {
    "holds": "green",
    "exceeded": "bold green",
    "refuted": "bold red",
    "inconclusive": "yellow",
    "not_equivalent": "bold red",
    "invalid": "yellow",
}


WIDTH_OF_A_LOG = 120
"""Columns for what goes to a file or a pipe, which has no width of its own."""

_NARROW = 100
"""Columns below which what is claimed is left to the reason, which repeats it."""


def width_of(console: Console) -> int:
    """Columns: a terminal's own, or what COLUMNS says, or enough to read a log by."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else WIDTH_OF_A_LOG


def render(record: ResultRecord, width: int = 100, paint: Paint = Paint.PLAIN) -> str:
    """The verdict table, the reasons of what does not simply hold, and the overall verdict."""
    stream = io.StringIO()
    coloured = paint is Paint.COLOURED
    columns = max(width, 40)
    console = Console(
        file=stream,
        width=columns,
        force_terminal=coloured,
        color_system="standard" if coloured else None,
        highlight=False,
        legacy_windows=False,
    )
    if record.claims and record.equivalence.equal:
        console.print(_table(record, wide=columns >= _NARROW))
    for difference in record.equivalence.differences[:5]:
        console.print(Text(f"  different: {printable(difference)}"))
    verdict = record.verdict
    style = _STYLES[verdict.value]
    console.print(Text(tables.headline(record), style), Text(f"(exit {verdict.exit_code})"), sep=" ")
    console.print(Text(printable(verdict.reason)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _table(record: ResultRecord, *, wide: bool) -> RichTable:
    table = RichTable(title=Text(printable(record.scenario.title)), title_justify="left", box=SIMPLE_HEAD)
    for heading in ("Claim", "Claimed", "Verdict") if wide else ("Claim", "Verdict"):
        table.add_column(heading, overflow="fold")
    table.add_column("Why", overflow="fold", ratio=1)
    for claim in record.claims:
        verdict = Text(f"{tables.SIGNS[claim.verdict]} {claim.verdict}", _STYLES[claim.verdict])
        why = Text(printable(f"{claim.reason}{_other_sizes(record, claim.id)}"))
        claimed = [Text(claim.claimed)] if wide else []
        table.add_row(Text(printable(claim.id)), *claimed, verdict, why)
    return table


def _other_sizes(record: ResultRecord, claim_id: str) -> str:
    claim = next(each for each in record.claims if each.id == claim_id)
    differs = any(each.verdict != claim.verdict for each in claim.by_companies)
    return f" (by companies: {tables.sizes_text(claim)})" if differs else ""
