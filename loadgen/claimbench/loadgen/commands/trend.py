"""The verb `claimbench trend`: many runs on one page."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from claimbench.loadgen.commands.progress import say
from claimbench.reports.pages.trend import points_of, render
from claimbench.reports.record.store import write_text


def trend(
    folder: Annotated[Path, typer.Argument(help="A folder with result folders in it, one for each run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("trend.html"),
) -> None:
    """Draw how the results of a folder developed, as one page."""
    points = points_of(folder)
    write_text(out, render(points, version("claimbench")))
    say(f"{len(points)} runs in {out}")
