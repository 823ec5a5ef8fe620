"""A run's folder without the extra `report`: the record, and a page of text."""

from pathlib import Path

from claimbench.reports.pages.run import run_page
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import RUN, write, write_text
from claimbench.reports.render import markdown


def write_plain_folder(record: ResultRecord, folder: Path) -> Path:
    """Write record and page; return the page's path. `claimbench report` draws the rest from the record."""
    write(RUN, record, folder / RUN.file)
    page = folder / "report.md"
    write_text(page, markdown.render(run_page(record)))
    return page
