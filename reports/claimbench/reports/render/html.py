"""A page as one HTML file that needs nothing else: its style, its charts and its tables inside."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

from claimbench.reports.charts.canvas import COLOURS
from claimbench.reports.pages.page import (
    Align,
    Bullets,
    Chart,
    Code,
    Findings,
    Fold,
    LargeFigures,
    Page,
    PageTable,
    Paragraph,
)
from claimbench.reports.wording import printable

_KINDS = {
    "paragraph": Paragraph,
    "bullets": Bullets,
    "table": PageTable,
    "findings": Findings,
    "figures": LargeFigures,
    "chart": Chart,
    "fold": Fold,
    "code": Code,
}
"""What the template asks a block for."""


def render(page: Page) -> str:
    """The page; the same page gives the same text."""
    environment = Environment(
        loader=PackageLoader("claimbench.reports.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_on_one_line,
    )
    for name, kind in _KINDS.items():
        environment.tests[name] = lambda value, kind=kind: isinstance(value, kind)
    return environment.get_template("page.html.j2").render(
        page=page,
        right=Align.RIGHT,
        inline=inline,
        light=_variables("light"),
        dark=_variables("dark"),
    )


def _on_one_line(value: object) -> object:
    """A text without control characters; what is markup already stays as it is."""
    return printable(value) if type(value) is str else value


def inline(chart: Chart) -> str:
    """A chart's drawing for use inside a page: ids of its own, and a name for screen readers."""
    svg = chart.svg[chart.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(?::\w+)?="[^"]*"', "", svg, count=2)
    svg = re.sub(r'\bid="', f'id="{chart.name}-', svg)
    svg = svg.replace("url(#", f"url(#{chart.name}-").replace('href="#', f'href="#{chart.name}-')
    labelled = f'<svg role="img" aria-labelledby="{chart.name}-title" '
    return svg.replace("<svg ", labelled, 1)


def _variables(theme: str) -> str:
    return " ".join(f"{colour.variable}: {getattr(colour, theme)};" for colour in COLOURS)
