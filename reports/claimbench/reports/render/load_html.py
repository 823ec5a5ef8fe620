"""The load report as one HTML file that needs nothing else, in the style of the other report."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from claimbench.reports.charts import COLOURS, Chart
from claimbench.reports.pages import load_tables as tables
from claimbench.reports.pages import tables as shared
from claimbench.reports.record.load import LoadRecord
from claimbench.reports.render.html import inline


def render(record: LoadRecord, charts: tuple[Chart, ...]) -> str:
    """The page; the same record and charts give the same text."""
    environment = Environment(
        loader=PackageLoader("claimbench.reports.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("load.html.j2").render(
        record=record,
        charts=charts,
        inline=inline,
        tables=tables,
        facts=shared.facts,
        light=_variables("light"),
        dark=_variables("dark"),
    )


def _variables(theme: str) -> str:
    return " ".join(f"{colour.variable}: {getattr(colour, theme)};" for colour in COLOURS)
