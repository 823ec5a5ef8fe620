"""The chart of what was claimed beside what was measured, for claims in percent."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from claimbench.reports.charts.canvas import CANDIDATE, INK, finish
from claimbench.reports.charts.parts import legend
from claimbench.reports.pages.page import Chart, tone_of
from claimbench.reports.record.run import ClaimResult, ResultRecord
from claimbench.reports.record.values import Interval
from claimbench.reports.wording import metric_title, percent_text
from claimbench.scenarios.grammar import AtLeast, Reduction, parse_claimed


def claimed_beside_measured(record: ResultRecord) -> Chart | None:
    """A row per claim in percent: its range as a bar, what was measured as a point with its interval."""
    found = [
        (claim, interval, measured)
        for claim in record.claims
        if (interval := _claimed(claim)) and (measured := claim.measured)
    ]
    if not found:
        return None
    figure = Figure(figsize=(8, 0.5 * len(found) + 1.3), layout="constrained")
    axes = figure.subplots()
    for row, (claim, (low, high), measured) in enumerate(found):
        axes.barh(row, high - low, 0.56, left=low, color=INK.drawn, alpha=0.2, label="claimed")
        _point(axes, row, measured)
        words = f"{percent_text(measured.value)}  {tone_of(claim.verdict).sign} {claim.verdict}"
        axes.text(1.02, row, words, transform=axes.get_yaxis_transform(), va="center", clip_on=False)
    axes.set_yticks(range(len(found)), [_title(claim) for claim, _, _ in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(min(0, *(100 * measured.ci_low - 3 for _, _, measured in found)), 102)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel("percent; the line through a point is its interval")
    legend(figure, axes)
    told = " ".join(
        f"{_title(claim)}: claimed {claim.claimed}, measured {claim.measured_text}, {claim.verdict}."
        for claim, _, _ in found
    )
    return finish(figure, "claimed", "Claimed and measured", told)


def _point(axes: Axes, row: int, measured: Interval) -> None:
    value, low, high = (100 * each for each in (measured.value, measured.ci_low, measured.ci_high))
    axes.errorbar(
        value,
        row,
        xerr=[[max(value - low, 0)], [max(high - value, 0)]],
        fmt="D",
        color=CANDIDATE.drawn,
        markersize=6,
        capsize=4,
        elinewidth=1.8,
        label="measured",
    )


def _title(claim: ClaimResult) -> str:
    kind = "reduction" if claim.claimed.startswith("reduction") else "at least"
    return f"{metric_title(claim.metric)}, {kind}"


def _claimed(claim: ClaimResult) -> tuple[float, float] | None:
    match parse_claimed(claim.claimed):
        case Reduction(low, high):
            return low, high
        case AtLeast(percent):
            return percent, 100.0
        case _:
            return None
