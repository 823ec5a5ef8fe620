"""What every chart stands on: colours, style, and the finished SVG text."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from claimbench.reports.pages.page import Chart


@dataclass(frozen=True, slots=True)
class Colour:
    """A CSS variable, the hex it is drawn in before the variable takes its place, and its two values."""

    variable: str
    drawn: str
    light: str
    dark: str


INK = Colour("--ink", "#010203", "#1f2328", "#e6e9ee")
GRID = Colour("--grid", "#010204", "#d5dae1", "#3a424d")
REFERENCE = Colour("--reference", "#010205", "#b3500a", "#ffa860")
CANDIDATE = Colour("--candidate", "#010206", "#0b62a8", "#6cb8ff")
PAPER = Colour("--paper", "#010207", "#ffffff", "#14181d")
COLOURS = (INK, GRID, REFERENCE, CANDIDATE, PAPER)

# Any, because matplotlib's type of these keys is younger than the oldest matplotlib that we support.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "claimbench",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.edgecolor": GRID.drawn,
    "axes.labelcolor": INK.drawn,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK.drawn,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": GRID.drawn,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "text.color": INK.drawn,
    "xtick.color": INK.drawn,
    "ytick.color": INK.drawn,
    "text.parse_math": False,
}


@contextmanager
def our_style() -> Iterator[None]:
    """Draw alike everywhere: a `matplotlibrc` of the user's has no say."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


_STYLESHEET = (
    "<style>svg:root{color-scheme:light dark}@media (prefers-color-scheme:dark){svg:root{"
    + "".join(f"{colour.variable}:{colour.dark};" for colour in COLOURS)
    + "}}</style>"
)


def finish(figure: Figure, name: str, title: str, description: str) -> Chart:
    """The figure as a standalone SVG: no date, no program's name, colours as variables with a fallback."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue().replace("*{stroke-linejoin", "svg *{stroke-linejoin")
    svg = re.sub(r"<!DOCTYPE.*?>\n", "", svg, flags=re.DOTALL)
    words = f'<title id="title">{escape(title)}</title><desc>{escape(description)}</desc>'
    svg = svg.replace("<metadata>", f"{words}{_STYLESHEET}<metadata>", 1)
    for colour in COLOURS:
        svg = svg.replace(colour.drawn, f"var({colour.variable}, {colour.light})")
    return Chart(name, title, description, re.sub(r"[ \t]+\n", "\n", svg))
