"""What there is to run: scenarios, pipelines, metrics."""

from importlib.metadata import entry_points

from rich.console import Console, Group
from rich.table import Table

from claimbench.impl.registry import GROUP
from claimbench.scenarios.loader import available
from claimbench.scenarios.metrics import CATALOGUE


def list_all() -> None:
    """Show the scenarios, the pipelines and the metrics that there are."""
    Console().print(Group(_scenarios(), _pipelines(), _metrics()))


def _scenarios() -> Table:
    table = Table("scenario", "title", title="claimbench run SCENARIO", title_justify="left")
    for summary in available():
        table.add_row(summary.name, summary.title)
    return table


def _pipelines() -> Table:
    table = Table("pipeline", "factory", title="--arms REFERENCE,CANDIDATE", title_justify="left")
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        table.add_row(entry.name, entry.value)
    return table


def _metrics() -> Table:
    table = Table("metric", "unit", "what it is, per scheduler run", title="metrics", title_justify="left")
    for metric in CATALOGUE:
        table.add_row(metric.name, metric.unit, metric.description)
    return table
