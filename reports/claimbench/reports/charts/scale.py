"""The charts of a scale report: both arms over sizes, with the band of what was claimed."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from claimbench.reports.charts.canvas import CANDIDATE, INK, REFERENCE, Colour, finish
from claimbench.reports.charts.parts import legend, ticks
from claimbench.reports.judge.ablation import ALL, NONE, ablated, crossing_ms, time_lines
from claimbench.reports.pages.page import Chart
from claimbench.reports.pages.scale import NAMES as TITLES
from claimbench.reports.pages.scale import UNITS
from claimbench.reports.record.scale import ScalePoint, ScaleRecord
from claimbench.reports.wording import count_text, printable, value_text

NAMES = ("scale-points", "scale-memory", "scale-strategies", "scale-rtt")
_STYLES: tuple[tuple[Colour, str], ...] = ((REFERENCE, "o"), (CANDIDATE, "D"), (INK, "s"))


def _growing(record: ScaleRecord) -> Chart | None:
    return _panels(record, "scale-points", "Round trips and time against size", ("round_trips", "seconds"))


def _memory(record: ScaleRecord) -> Chart | None:
    title = "Peak memory and statements against size"
    return _panels(record, "scale-memory", title, ("peak_memory_bytes", "statements"))


def _panels(record: ScaleRecord, name: str, title: str, measures: Sequence[str]) -> Chart | None:
    if len({(point.requests, point.size) for point in record.points}) < 2:
        return None
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    by = "requests" if len({point.requests for point in record.points}) > 1 else "size"
    panels = figure.subplots(1, len(measures))
    sentences = []
    for axes, measure in zip(panels, measures, strict=True):
        _band(axes, record, measure, by)
        for arm, (colour, marker) in zip(record.arms, _STYLES, strict=False):
            points = [p for p in record.points if p.arm == arm and getattr(p, measure)]
            _line(axes, points, measure, by, (arm, colour, marker))
            values = ", ".join(value_text(getattr(p, measure), UNITS.get(measure, "count")) for p in points)
            sentences.append(f"{TITLES[measure]}, {arm}: {values}.")
        _log_log(axes, measure, by, sorted({getattr(p, by) for p in record.points}))
    legend(figure, *panels)
    return finish(figure, name, title, " ".join(sentences))


def _line(
    axes: Axes, points: Sequence[ScalePoint], measure: str, by: str, look: tuple[str, Colour, str]
) -> None:
    """Measured points are filled and joined; continued ones are hollow, on a dotted line."""
    arm, colour, marker = look
    measured = [point for point in points if not point.extrapolated]
    axes.plot(
        [getattr(point, by) for point in measured],
        [getattr(point, measure) for point in measured],
        f"{marker}-",
        color=colour.drawn,
        label=printable(arm),
        markersize=5,
    )
    continued = [*measured[-1:], *(point for point in points if point.extrapolated)]
    if len(continued) > 1:
        axes.plot(
            [getattr(point, by) for point in continued],
            [getattr(point, measure) for point in continued],
            f"{marker}:",
            color=colour.drawn,
            markerfacecolor="none",
            markersize=5,
            label=f"{printable(arm)}, continued",
        )


def _band(axes: Axes, record: ScaleRecord, measure: str, by: str) -> None:
    """Where the candidate was claimed to lie, by the reference's line."""
    claim = next((each for each in record.claims if each.measure == measure), None)
    points = [p for p in record.points if p.arm == record.arms[0] and getattr(p, measure)]
    if claim is None or len(points) < 2:
        return
    values = [getattr(point, measure) for point in points]
    axes.fill_between(
        [getattr(point, by) for point in points],
        [value * (1 - claim.low / 100) for value in values],
        [value * max(1 - claim.high / 100, 0.01) for value in values],
        color=INK.drawn,
        alpha=0.15,
        linewidth=0,
        label="claimed for the candidate",
    )


def _log_log(axes: Axes, measure: str, by: str, sizes: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    unit = UNITS.get(measure, "count")
    axes.yaxis.set_major_locator(FixedLocator(ticks(*axes.get_ylim(), unit)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, unit)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(TITLES[measure])
    axes.set_xlabel("waiting requests" if by == "requests" else "companies")
    axes.grid(axis="both")


def _strategies(record: ScaleRecord) -> Chart | None:
    """Bars from what the pipeline needs with all strategies to what it needs without one."""
    found = ablated(record)
    if not found:
        return None
    figure = Figure(figsize=(8, 0.3 * len(found) + 1.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    values = (
        ("Round trips", "count", [float(each.round_trips) for each in found]),
        (f"Time at {found[0].seconds[-1][0]:g} ms", "s", [each.seconds[-1][1] for each in found]),
        ("Peak memory", "B", [float(each.peak_memory_bytes) for each in found]),
    )
    for axes, (title, unit, heights) in zip(panels, values, strict=True):
        colours = [_bar_colour(each.name).drawn for each in found]
        axes.barh(range(len(found)), heights, 0.66, color=colours)
        axes.set_title(title)
        axes.set_xscale("log")
        axes.set_xlim(left=0.5 * min(heights), right=4 * max(heights))
        axes.xaxis.set_major_locator(NullLocator())
        axes.xaxis.set_minor_locator(NullLocator())
        for row, height in enumerate(heights):
            axes.text(height * 1.1, row, value_text(height, unit), va="center", fontsize=8)
    panels[0].set_yticks(range(len(found)), [each.name for each in found])
    panels[0].set_ylim(len(found) - 0.5, -0.5)
    told = " ".join(
        f"{each.name}: {each.round_trips:,} round trips, {value_text(each.seconds[-1][1], 's')}."
        for each in found
    )
    return finish(figure, "scale-strategies", "What each strategy contributes", told)


def _bar_colour(name: str) -> Colour:
    if name in (ALL, NONE):
        return INK
    return REFERENCE if name.startswith("without") else CANDIDATE


def _round_trip_times(record: ScaleRecord) -> Chart | None:
    """Each turn as a point, the fitted line through them, and where the lines cross."""
    lines = time_lines(record)
    if not lines:
        return None
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    far = max(turn.rtt_ms for line in lines for turn in line.turns)
    for line, (colour, marker) in zip(lines, _STYLES, strict=False):
        xs, ys = [turn.rtt_ms for turn in line.turns], [turn.seconds for turn in line.turns]
        axes.plot(xs, ys, marker, color=colour.drawn, markersize=5, label=printable(line.arm))
        along = [far * step / 100 for step in range(101)]  # no straight line on a logarithmic axis
        axes.plot(along, [line.at(x) for x in along], "-", color=colour.drawn, linewidth=1.2)
        words = f"{line.trips:,.0f} round trips fitted, {line.counted:,} counted"
        end = (far, line.at(far))
        axes.annotate(words, end, (-10, 4), textcoords="offset points", ha="right", va="bottom", fontsize=8)
    if (at := crossing_ms(lines)) is not None and at <= far:
        axes.plot([at], [lines[0].at(at)], "s", color=INK.drawn, label=f"crossing at {at:.2f} ms")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(ticks(*axes.get_ylim())))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, "s")))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("added round trip to Postgres, ms")
    axes.set_ylabel("time of a whole run")
    axes.grid(axis="both")
    legend(figure, axes)
    told = " ".join(
        f"{line.arm}: {value_text(line.base_s, 's')} and {line.trips:,.1f} round trips." for line in lines
    )
    return finish(figure, "scale-rtt", "Time against the round-trip time", told)


PAINTERS: tuple[Callable[[ScaleRecord], Chart | None], ...] = (
    _growing,
    _memory,
    _strategies,
    _round_trip_times,
)
