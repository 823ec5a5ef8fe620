"""`claimbench report`: draw the pages again."""

from pathlib import Path
from typing import Annotated

import typer

from claimbench.loadgen.commands.options import COMPARED, ScenarioOption
from claimbench.loadgen.commands.progress import say
from claimbench.loadgen.commands.recheck import rechecked
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import LOAD, RUN, SCALE, SOAK, DocumentKind, read_one_of
from claimbench.reports.render.folder import Stored, draw_folder

DRAWN: tuple[DocumentKind[Stored], ...] = (RUN, LOAD, SOAK, SCALE)


def report(
    folder: Annotated[Path, typer.Argument(help="A folder of results.")],
    scenario: ScenarioOption = None,
) -> None:
    """Draw the report again from its results: the same files, byte for byte."""
    record = read_one_of(DRAWN, folder)
    if isinstance(record, ResultRecord) and record.scenario.source != COMPARED:
        rechecked(record, folder, scenario)
    say(f"report: {draw_folder(record, folder)}")
