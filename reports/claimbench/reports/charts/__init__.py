"""The charts, as SVG text; this package is the only importer of matplotlib.

Colours are CSS variables with a fallback, so one drawing serves light, dark and print. The same
record gives the same bytes.
"""

from collections.abc import Sequence

from claimbench.reports.charts import load, painters, scale
from claimbench.reports.charts.canvas import COLOURS, our_style
from claimbench.reports.charts.trend import history
from claimbench.reports.pages.page import Chart
from claimbench.reports.pages.trend import MetricHistory
from claimbench.reports.record.load import LoadRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.scale import ScaleRecord

__all__ = ["COLOURS", "NAMES", "draw", "draw_load", "draw_scale", "draw_trend"]

NAMES = (
    *("claimed", "round-trips", "time-by-stage", "memory", "time-by-rtt", "scaling"),
    *("load-series", "load-spectrum", "load-curve"),
    *scale.NAMES,
)
"""The names of all charts that stand in a folder, drawn or not."""


def draw(record: ResultRecord) -> tuple[Chart, ...]:
    """Every chart that a run has numbers for."""
    with our_style():
        return tuple(chart for painter in painters.PAINTERS if (chart := painter(record)))


def draw_load(record: LoadRecord) -> tuple[Chart, ...]:
    """Every chart that a load run has numbers for."""
    with our_style():
        return tuple(chart for painter in load.PAINTERS if (chart := painter(record)))


def draw_scale(record: ScaleRecord) -> tuple[Chart, ...]:
    """Every chart that a scale report has numbers for."""
    with our_style():
        return tuple(chart for painter in scale.PAINTERS if (chart := painter(record)))


def draw_trend(histories: Sequence[MetricHistory]) -> tuple[Chart, ...]:
    """A chart for each history."""
    with our_style():
        return tuple(history(each) for each in histories)
