"""The parts that charts share: how an arm looks, strips of points, axes and legends."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from claimbench.reports.charts.canvas import CANDIDATE, INK, REFERENCE, Colour
from claimbench.reports.record.load import LoadArm
from claimbench.reports.record.run import Metric, ResultRecord
from claimbench.reports.record.values import Sample
from claimbench.reports.wording import count_text, printable, reduction_text, stage_title, value_text
from claimbench.scenarios.metrics import RUN


@dataclass(frozen=True, slots=True)
class Look:
    """How an arm is drawn: colour and marker, so that nothing hangs on colour alone."""

    arm: LoadArm
    colour: Colour
    marker: str
    hatch: str
    offset: float

    @property
    def label(self) -> str:
        """The arm and its role."""
        return f"{printable(self.arm.name)} ({self.arm.role})"


def looks(record: ResultRecord) -> tuple[Look, ...]:
    """Each arm with its look."""
    styles = {"reference": (REFERENCE, "o", ""), "candidate": (CANDIDATE, "D", "//")}
    offsets = {"reference": -0.2, "candidate": 0.2}
    return tuple(Look(arm, *styles[arm.role], offsets[arm.role]) for arm in record.arms)


def values_of(samples: Iterable[Sample], look: Look, stage: str, rtt_ms: float) -> list[float]:
    """One arm's values of one stage at one round-trip time, a block each, in the order of blocks."""
    found = [
        each for each in samples if (each.arm, each.stage, each.rtt_ms) == (look.arm.name, stage, rtt_ms)
    ]
    blocks = sorted({each.block for each in found})
    return [median(each.value for each in found if each.block == block) for block in blocks]


def strip(axes: Axes, look: Look, height: float, values: Sequence[float]) -> None:
    """Every value as a point, and a box of the middle half with the median, at a height."""
    if not values:
        return
    line = {"color": look.colour.drawn, "linewidth": 1.2}
    axes.boxplot(
        values,
        orientation="horizontal",
        positions=[height],
        widths=0.26,
        manage_ticks=False,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "none", "edgecolor": look.colour.drawn},
        whiskerprops=line,
        capprops=line,
        medianprops={"color": INK.drawn, "linewidth": 2},
    )
    jitter = [height + 0.07 * ((3 * block) % 5 - 2) / 2 for block in range(len(values))]
    axes.scatter(
        values,
        jitter,
        s=16,
        marker=look.marker,
        color=look.colour.drawn,
        alpha=0.75,
        label=look.label,
        zorder=3,
    )


def rows(axes: Axes, stages: Sequence[str]) -> None:
    """A row per stage, from above."""
    axes.set_yticks(range(len(stages)), [stage_title(stage) for stage in stages])
    axes.set_ylim(len(stages) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def steps_of(found: Iterable[str]) -> list[str]:
    """Steps once each, in their order, and the whole run last."""
    return sorted(dict.fromkeys(found), key=RUN.__eq__)


MIB = 2.0**20


def ticks(low: float, high: float, unit: str = "") -> list[float]:
    """Round numbers for a logarithmic axis: two to eight, however narrow it is. Bytes ("B") in round MiB."""
    if unit == "B":
        return [mark * MIB for mark in ticks(low / MIB, high / MIB)]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        marks = [step * 10.0**decade for decade in range(first, last + 1) for step in steps]
        inside = [mark for mark in marks if low <= mark <= high]
        if len(inside) >= 3:
            return inside[:: math.ceil(len(inside) / 8)]
    return [float(mark) for mark in MaxNLocator(4).tick_values(low, high) if low <= mark <= high]


def time_axis(axes: Axes) -> None:
    """A logarithmic axis of seconds whose ticks are few and carry their units; all is drawn by now."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks(*axes.get_xlim())))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, "s")))
    axes.xaxis.set_minor_locator(NullLocator())


def size_axes(axes: Axes, sizes: Sequence[int], name: str) -> None:
    """Logarithmic both ways; the ticks below are the sizes that were measured. All is drawn by now."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator(ticks(*axes.get_ylim())))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(name)
    axes.grid(axis="both")


def legend(figure: Figure, *panels: Axes) -> None:
    """One entry per arm, above the panels, where it can hide nothing."""
    entries: dict[str, Artist] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside upper left", ncols=len(entries))


def told(record: ResultRecord, metrics: Sequence[Metric]) -> str:
    """The numbers of a chart in words, for those who cannot see it."""
    arms = [arm.name for arm in record.arms]
    sentences = []
    for metric in metrics:
        values = [
            f"{arm} {value_text(metric.values[arm], metric.unit)}" for arm in arms if arm in metric.values
        ]
        place = f"{stage_title(metric.stage)}, {record.words.sized(metric.size)}, {metric.rtt_ms:g} ms"
        sentences.append(f"{place}: {', '.join(values)}, reduction {reduction_text(metric)}.")
    return " ".join(sentences)
