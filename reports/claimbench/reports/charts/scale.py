"""The charts of a scale report: both arms over sizes, with the band of what was claimed."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from claimbench.reports.charts.canvas import CANDIDATE, INK, REFERENCE, Colour, finish
from claimbench.reports.charts.parts import legend, ticks
from claimbench.reports.pages.page import Chart
from claimbench.reports.pages.scale import NAMES as TITLES
from claimbench.reports.pages.scale import UNITS
from claimbench.reports.record.scale import ScalePoint, ScaleRecord
from claimbench.reports.wording import count_text, printable, value_text

NAMES = ("scale-points", "scale-memory")
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
    axes.yaxis.set_major_locator(FixedLocator(ticks(*axes.get_ylim())))
    unit = UNITS.get(measure, "count")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, unit)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(TITLES[measure])
    axes.set_xlabel("waiting requests" if by == "requests" else "companies")
    axes.grid(axis="both")


PAINTERS: tuple[Callable[[ScaleRecord], Chart | None], ...] = (_growing, _memory)
