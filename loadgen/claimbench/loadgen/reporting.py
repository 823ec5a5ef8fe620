"""`claimbench report`: draw the pages again."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from claimbench.reports.folder import RESULTS, draw_folder
from claimbench.reports.store import read_record


def report(folder: Annotated[Path, typer.Argument(help="A folder with a results.json.")]) -> None:
    """Draw the report again from a results.json: the same files, byte for byte."""
    page = draw_folder(read_record(folder / RESULTS), folder)
    Console().print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)
