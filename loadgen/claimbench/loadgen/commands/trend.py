"""The verb `claimbench trend`: many runs on one page."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from claimbench.loadgen.commands.progress import say
from claimbench.reports.charts import draw_trend
from claimbench.reports.pages.trend import histories, trend_page
from claimbench.reports.record.store import runs_below, write_text
from claimbench.reports.render import html


def trend(
    folder: Annotated[Path, typer.Argument(help="A folder with result folders in it, one for each run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("trend.html"),
) -> None:
    """Draw how the results of a folder developed, as one page."""
    runs = runs_below(folder)
    write_text(out, html.render(trend_page(runs, draw_trend(histories(runs)), version("claimbench"))))
    say(f"{len(runs)} runs in {out}")
