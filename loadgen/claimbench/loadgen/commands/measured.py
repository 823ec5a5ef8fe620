"""What every verb that measures does around its measuring: progress, the folder, the page, where it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from claimbench.loadgen.commands.progress import Progress, say, shown_progress
from claimbench.reports.pages.page import Page
from claimbench.reports.record.load import LoadRecord
from claimbench.reports.record.scale import ScaleRecord
from claimbench.reports.record.soak import SoakRecord
from claimbench.reports.render import terminal

Record = TypeVar("Record", LoadRecord, ScaleRecord, SoakRecord)


def measured_into(
    own_folder: AbstractContextManager[Path],
    measure: Callable[[Progress], Record],
    page_of: Callable[[Record], Page],
    console: Console,
) -> Record:
    """Measure, write the folder, show the page and the report's path; what was measured."""
    from claimbench.reports.render.folder import write_folder  # noqa: PLC0415 (takes a second to import)

    with own_folder as folder:
        with shown_progress(console) as progress:
            record = measure(progress)
        page = write_folder(record, folder)
    terminal.show(page_of(record), console)
    say(f"report: {page}", console)
    return record
