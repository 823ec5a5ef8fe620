"""The charts of a load report: time series, percentile spectrum, and throughput against latency."""

from collections.abc import Callable, Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from claimbench.reports.charts.canvas import CANDIDATE, REFERENCE, finish
from claimbench.reports.charts.parts import Look, legend, ticks
from claimbench.reports.pages.load_tables import capacity_text
from claimbench.reports.pages.page import Chart
from claimbench.reports.record.load import BlockRecord, CapacityPoint, LoadRecord, SeriesPoint
from claimbench.reports.wording import value_text

_MARKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
_LEAST_MS = 0.01
"""Logarithms have no zero: less than this is drawn as this."""


def _series(record: LoadRecord) -> Chart | None:
    if not any(block.generated.series for block in record.blocks):
        return None
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    latency, rate = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for look in _looks(record):
        for block in _of(record, look):
            points = block.generated.series
            _steps(latency, look, points, [point.response_p95_ms for point in points])
            window_s = block.generated.window_s
            _steps(
                rate,
                look,
                points,
                [(point.arrivals - point.dropped - point.failed) / window_s for point in points],
            )
    _latency_axis(latency, "response time p95")
    latency.set_title("each window by the intended start of its requests; a line is a block")
    rate.set_ylim(bottom=0)
    rate.grid(axis="both")
    rate.set_ylabel("answered per s")
    rate.set_xlabel("seconds since the first arrival")
    legend(figure, latency)
    worst = [
        f"{look.arm.name}: the worst window has a p95 of "
        f"{max(p.response_p95_ms for b in _of(record, look) for p in b.generated.series):,.0f} ms."
        for look in _looks(record)
        if any(block.generated.series for block in _of(record, look))
    ]
    return finish(figure, "load-series", "Response time and answers over time", " ".join(worst))


def _steps(axes: Axes, look: Look, points: Sequence[SeriesPoint], values: Sequence[float]) -> None:
    axes.plot(
        [point.at_s for point in points],
        [max(value, _LEAST_MS) for value in values],
        look.marker,
        linestyle="-",
        color=look.colour.drawn,
        label=look.label,
        alpha=0.7,
        markersize=3,
        linewidth=1.2,
    )


def _spectrum(record: LoadRecord) -> Chart | None:
    if not any(block.generated.total.response.count for block in record.blocks):
        return None
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for look in _looks(record):
        for block in _of(record, look):
            total = block.generated.total
            _percentile_line(
                axes, look, total.response.spectrum, "-", f"{look.label}, from the intended start"
            )
            _percentile_line(axes, look, total.service.spectrum, ":", f"{look.label}, from the real start")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([_tail(mark) for mark in _MARKS]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 - 100 / value:g} %"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("share of requests that were answered at least as fast")
    _latency_axis(axes, "time")
    handles, labels = axes.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside upper left", ncols=2, fontsize=9)
    told = [
        f"{look.arm.name}: p50 {_median(record, look, 'p50_ms')}, p95 {_median(record, look, 'p95_ms')}, "
        f"p99.9 {_median(record, look, 'p99_9_ms')} from the intended start."
        for look in _looks(record)
    ]
    return finish(figure, "load-spectrum", "Percentile spectrum", " ".join(told))


def _percentile_line(
    axes: Axes, look: Look, spectrum: Sequence[tuple[float, float]], style: str, label: str
) -> None:
    axes.plot(
        [_tail(percentile) for percentile, _ in spectrum],
        [max(value, _LEAST_MS) for _, value in spectrum],
        linestyle=style,
        color=look.colour.drawn,
        label=label,
        alpha=0.8,
        linewidth=1.4,
    )


def _tail(percentile: float) -> float:
    """1 / (1 - share): each factor of ten is one nine more, as HdrHistogram's plots have it."""
    return 100 / (100 - percentile)


def _median(record: LoadRecord, look: Look, name: str) -> str:
    values = [getattr(block.generated.total.response, name) for block in _of(record, look)]
    return f"{median(values):,.1f} ms" if values else "not measured"


def _curve(record: LoadRecord) -> Chart | None:
    if not any(capacity.points for capacity in record.capacities):
        return None
    every = [point for capacity in record.capacities for point in capacity.points]
    titles = ["response time p95"]
    if any(point.end_to_end_p95_ms is not None for point in every):  # a target is seen from outside alone
        titles.append("submitted → stored p95")
    figure = Figure(figsize=(4 * len(titles), 3.8), layout="constrained")
    panels = figure.subplots(1, len(titles), squeeze=False)[0]
    for look in _looks(record):
        points = [
            point
            for capacity in record.capacities
            if capacity.arm == look.arm.name
            for point in sorted(capacity.points, key=lambda point: point.rate_per_s)
        ]
        _tried(panels[0], look, points, [point.response_p95_ms for point in points])
        ended = [point for point in points if point.end_to_end_p95_ms is not None]
        _tried(panels[-1], look, ended, [point.end_to_end_p95_ms or 0 for point in ended])
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(ticks(*axes.get_xlim())))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("arrivals per second; hollow: objective broken")
        _latency_axis(axes, "")
    legend(figure, panels[0])
    told = [f"{each.arm}: capacity {capacity_text(each)} arrivals per second." for each in record.capacities]
    return finish(figure, "load-curve", "Latency against throughput", " ".join(told))


def _tried(axes: Axes, look: Look, points: Sequence[CapacityPoint], values: Sequence[float]) -> None:
    heights = [max(value, _LEAST_MS) for value in values]
    colour = look.colour.drawn
    axes.plot([point.rate_per_s for point in points], heights, "-", color=colour, linewidth=1.2)
    for point, height in zip(points, heights, strict=True):
        fill = "none" if point.broken else colour
        axes.plot(
            [point.rate_per_s], [height], look.marker, color=colour, markerfacecolor=fill, label=look.label
        )


def _latency_axis(axes: Axes, label: str) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(ticks(*axes.get_ylim())))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value / 1000, "s")))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="both")
    axes.set_ylabel(label)


def _looks(record: LoadRecord) -> tuple[Look, ...]:
    styles = {
        "reference": (REFERENCE, "o", ""),
        "candidate": (CANDIDATE, "D", "//"),
        "target": (CANDIDATE, "D", ""),
    }
    return tuple(Look(arm, *styles[arm.role], 0.0) for arm in record.arms)


def _of(record: LoadRecord, look: Look) -> list[BlockRecord]:
    return [block for block in record.blocks if block.arm == look.arm.name]


PAINTERS: tuple[Callable[[LoadRecord], Chart | None], ...] = (_series, _spectrum, _curve)
