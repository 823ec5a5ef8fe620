"""The report as one HTML file that needs nothing else: its style, its charts and its tables inside."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

from claimbench.reports.charts import COLOURS, Chart
from claimbench.reports.pages import tables
from claimbench.reports.record.run import ResultRecord


def render(record: ResultRecord, charts: tuple[Chart, ...]) -> str:
    """The page; the same record and charts give the same text."""
    environment = Environment(
        loader=PackageLoader("claimbench.reports.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sizes = [size for size in record.scenario.company_sizes if size != record.scenario.companies]
    return environment.get_template("report.html.j2").render(
        record=record,
        charts=charts,
        inline=inline,
        tables=tables,
        other_sizes=sizes,
        light=_variables("light"),
        dark=_variables("dark"),
    )


def inline(chart: Chart) -> str:
    """A chart's drawing for use inside a page: ids of its own, and a name for screen readers."""
    svg = chart.svg[chart.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{chart.name}-', svg)
    svg = svg.replace("url(#", f"url(#{chart.name}-").replace('href="#', f'href="#{chart.name}-')
    labelled = f'<svg role="img" aria-labelledby="{chart.name}-title" '
    return svg.replace("<svg ", labelled, 1)


def _variables(theme: str) -> str:
    return " ".join(f"{colour.variable}: {getattr(colour, theme)};" for colour in COLOURS)
