"""`claimbench report`: draw the pages again."""

from pathlib import Path
from typing import Annotated

import typer

from claimbench.loadgen.commands.progress import say
from claimbench.reports.record.store import LOAD, RUN, read
from claimbench.reports.render.folder import draw_folder
from claimbench.reports.render.load_folder import draw_load_folder


def report(
    folder: Annotated[Path, typer.Argument(help="A folder of results.")],
) -> None:
    """Draw the report again from its results: the same files, byte for byte."""
    if (folder / LOAD.file).exists():
        page = draw_load_folder(read(LOAD, folder), folder)
    else:
        page = draw_folder(read(RUN, folder), folder)
    say(f"report: {page}")
