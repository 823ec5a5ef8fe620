"""The charts of a report, each drawn from the record alone, or None where it has no numbers."""

from collections.abc import Callable, Sequence
from statistics import median

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from claimbench.reports.charts.canvas import PAPER, finish
from claimbench.reports.charts.claimed import claimed_beside_measured
from claimbench.reports.charts.parts import (
    legend,
    looks,
    rows,
    size_axes,
    steps_of,
    strip,
    time_axis,
    told,
    values_of,
)
from claimbench.reports.pages.page import Chart
from claimbench.reports.record.run import Metric, ResultRecord
from claimbench.reports.record.values import Sample
from claimbench.reports.wording import count_text, value_text
from claimbench.scenarios.metrics import RUN


def _round_trips(record: ResultRecord) -> Chart | None:
    found = {metric.stage: metric for metric in _metrics(record, "round_trips", record.scenario.size)}
    stages = steps_of(found)
    if not stages:
        return None
    figure = Figure(figsize=(8, 0.62 * len(stages) + 1.3), layout="constrained")
    axes = figure.subplots()
    for look in looks(record):
        values = [found[stage].values.get(look.arm.name, 0.0) for stage in stages]
        heights = [row + look.offset for row in range(len(stages))]
        bars = axes.barh(heights, values, 0.36, color=look.colour.drawn, label=look.label)
        for bar in bars:
            bar.set(hatch=look.hatch, edgecolor=PAPER.drawn)
        axes.bar_label(bars, [count_text(value) for value in values], padding=4, fontsize=9)
    rows(axes, stages)
    axes.margins(x=0.12)
    words = record.words
    axes.set_xlabel(f"round trips per {words.run}, {words.sized(record.scenario.size)}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
    legend(figure, axes)
    return finish(figure, "round-trips", f"Round trips per {words.step}", told(record, list(found.values())))


def _time_by_stage(record: ResultRecord) -> Chart | None:
    times = _samples(record, "time")
    rtts = sorted({sample.rtt_ms for sample in times})
    stages = steps_of(metric.stage for metric in record.metrics if metric.metric == "time")
    if not times:
        return None
    figure = Figure(figsize=(8, (0.55 * len(stages) + 0.7) * len(rtts) + 0.9), layout="constrained")
    panels = figure.subplots(len(rtts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, rtt in zip(panels, rtts, strict=True):
        for look in looks(record):
            for row, stage in enumerate(stages):
                strip(axes, look, row + look.offset, values_of(times, look, stage, rtt))
        axes.set_title(f"round trip of {rtt:g} ms")
        axes.set_xscale("log")
        rows(axes, stages)
    time_axis(panels[-1])
    words = record.words
    panels[-1].set_xlabel(f"time per {words.run}, logarithmic; a point is a block, the box its middle half")
    legend(figure, panels[0])
    described = [m for m in record.metrics if m.metric == "time" and m.stage == RUN]
    return finish(figure, "time-by-stage", f"Time per {words.step}", told(record, described))


def _memory(record: ResultRecord) -> Chart | None:
    samples = [each for each in record.samples if (each.metric, each.stage) == ("peak_memory", RUN)]
    sizes = sorted({sample.size for sample in samples})
    if not samples:
        return None
    figure = Figure(figsize=(8, 1.15 * len(sizes) + 0.9), layout="constrained")
    panels = figure.subplots(len(sizes), 1, sharex=True, squeeze=False)[:, 0]
    arms = looks(record)
    for axes, size in zip(panels, sizes, strict=True):
        here = [sample for sample in samples if sample.size == size]
        for row, look in enumerate(arms):
            strip(axes, look, row, [v / 2**20 for v in values_of(here, look, RUN, here[0].rtt_ms)])
        axes.set_title(record.words.sized(size))
        axes.set_yticks(range(len(arms)), [look.label for look in arms])
        axes.set_ylim(len(arms) - 0.4, -0.6)
        axes.grid(axis="x")
    panels[-1].set_xlim(left=0)  # for all panels, once all have drawn
    panels[-1].set_xlabel("growth of resident memory at its peak, MiB; a point is a fresh process")
    described = [m for m in record.metrics if m.metric == "peak_memory"]
    return finish(figure, "memory", "Peak memory", told(record, described))


def _time_by_rtt(record: ResultRecord) -> Chart | None:
    times = [sample for sample in _samples(record, "time") if sample.stage == RUN]
    rtts = sorted({sample.rtt_ms for sample in times})
    if not times:
        return None
    taken = [{each.block for each in times if each.rtt_ms == rtt} for rtt in rtts]
    paired = [each for each in times if each.block in set.intersection(*taken)]
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    for look in looks(record):
        colour = look.colour.drawn
        cells = [values_of(times, look, RUN, rtt) for rtt in rtts]
        for rtt, values in zip(rtts, cells, strict=True):
            axes.plot([rtt] * len(values), values, look.marker, color=colour, alpha=0.35, markersize=4)
        shared = [values_of(paired, look, RUN, rtt) for rtt in rtts]
        medians = [median(values) for values in shared if values]
        measured = [rtt for rtt, values in zip(rtts, shared, strict=True) if values]
        axes.plot(measured, medians, look.marker, linestyle="-", color=colour, label=look.label, markersize=7)
    axes.set_ylim(bottom=0)
    axes.grid(axis="both")
    axes.xaxis.set_major_locator(FixedLocator(rtts))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, "s") if value else "0"))
    axes.set_xlabel(
        "added round trip to Postgres, ms; a small point is a block, "
        "the line joins medians of blocks that took all"
    )
    axes.set_ylabel(f"time per {record.words.run}")
    described = [m for m in record.metrics if m.metric == "time" and m.stage == RUN]
    legend(figure, axes)
    return finish(figure, "time-by-rtt", "Time against round trip", told(record, described))


def _scaling(record: ResultRecord) -> Chart | None:
    names = ("round_trips", "statements")
    found = {name: [m for m in record.metrics if (m.metric, m.stage) == (name, RUN)] for name in names}
    sizes = sorted({metric.size for metrics in found.values() for metric in metrics})
    if len(sizes) < 2:
        return None
    words = record.words
    figure = Figure(figsize=(8, 3.7), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(panels, names, strict=True):
        for look in looks(record):
            measured = [metric for metric in found[name] if look.arm.name in metric.values]
            xs, ys = [m.size for m in measured], [m.values[look.arm.name] for m in measured]
            axes.plot(xs, ys, marker=look.marker, color=look.colour.drawn, label=look.label)
        axes.set_title(name.replace("_", " "))
    for axes in panels:
        size_axes(axes, sizes, words.size)
    panels[0].set_ylabel(f"per {words.run}, logarithmic")
    legend(figure, panels[0])
    described = [metric for metrics in found.values() for metric in metrics]
    return finish(
        figure, "scaling", f"Round trips and statements against {words.size}", told(record, described)
    )


def _samples(record: ResultRecord, name: str) -> list[Sample]:
    size = record.scenario.size
    return [sample for sample in record.samples if sample.metric == name and sample.size == size]


def _metrics(record: ResultRecord, name: str, size: int) -> Sequence[Metric]:
    return [m for m in record.metrics if m.metric == name and m.size == size and m.rtt_ms == 0]


PAINTERS: tuple[Callable[[ResultRecord], Chart | None], ...] = (
    claimed_beside_measured,
    _round_trips,
    _time_by_stage,
    _memory,
    _time_by_rtt,
    _scaling,
)
