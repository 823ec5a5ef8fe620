"""The charts, as SVG text; this package is the only importer of matplotlib.

Colours are CSS variables with a fallback, so one drawing serves light, dark and print. The same
record gives the same bytes.
"""

from claimbench.reports.charts.canvas import COLOURS, Chart
from claimbench.reports.charts.painters import NAMES, draw

__all__ = ["COLOURS", "NAMES", "Chart", "draw"]
