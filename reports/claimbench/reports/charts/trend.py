"""The chart of one metric over many runs."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from claimbench.reports.charts.canvas import CANDIDATE, INK, REFERENCE, finish
from claimbench.reports.charts.parts import legend
from claimbench.reports.pages.page import Chart
from claimbench.reports.pages.trend import MetricHistory
from claimbench.reports.wording import metric_title, printable, value_text

_STYLES = ((REFERENCE, "o"), (CANDIDATE, "D"), (INK, "s"))


def history(found: MetricHistory) -> Chart:
    """A line for each arm, from zero, so that a small step does not look like a large one."""
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.subplots()
    unit = found.points[0].metric.unit
    for place, arm in enumerate(found.arms):
        at = [number for number, point in enumerate(found.points) if arm in point.metric.values]
        values = [found.points[number].metric.values[arm] for number in at]
        colour, marker = _STYLES[place % len(_STYLES)]
        axes.plot(at, values, f"{marker}-", color=colour.drawn, label=printable(arm), markersize=5)
    axes.set_ylim(bottom=0)
    axes.grid(axis="both")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, unit) if value else "0"))
    _runs(axes, [point.revision or point.record.started_at[:10] for point in found.points])
    legend(figure, axes)
    last = found.points[-1].metric
    told = ", ".join(
        f"{arm} {value_text(last.values[arm], unit)}" for arm in found.arms if arm in last.values
    )
    title = metric_title(found.metric)
    return finish(figure, found.name, title, f"{len(found.points)} runs; the last one: {told}.")


def _runs(axes: Axes, labels: list[str]) -> None:
    """Below the axis the revisions of the runs, as many as can be read."""
    axes.xaxis.set_major_locator(MaxNLocator(min(8, max(len(labels) - 1, 1)), integer=True))
    axes.xaxis.set_major_formatter(
        FuncFormatter(
            lambda at, _: labels[int(at)] if float(at).is_integer() and 0 <= at < len(labels) else ""
        )
    )
    axes.set_xlim(-0.3, len(labels) - 0.7)
    axes.set_xlabel("runs, oldest first")
