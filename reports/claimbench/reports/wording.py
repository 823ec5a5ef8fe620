"""How numbers are written: the same in the terminal, in Markdown, in HTML and in reasons."""

from claimbench.reports.record.run import Metric
from claimbench.reports.record.values import Interval
from claimbench.scenarios import metrics as catalogue

NOT_MEASURED = "not measured"


def value_text(value: float, unit: str) -> str:
    """A value with its unit, in the size that reads best: 12.3 ms, 4.5 MiB, 1,234, 96.7 %, yes."""
    if unit == "s":
        return _scaled(value, 1000, ("s", "ms", "µs"))
    if unit == "B":
        return _bytes(value)
    if unit == "ratio":
        return percent_text(value)
    if unit == "flag":
        return {0.0: "no", 1.0: "yes"}.get(value, f"{value:g}")
    return count_text(value) if unit == "count" else f"{value:,.4g} {unit}"


def count_text(value: float) -> str:
    """A count per scheduler run: whole if it is whole."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) < 999.5 else f"{value:,.0f}"


def percent_text(fraction: float) -> str:
    """A fraction in percent with one decimal; a rounded 100 % only if it is exact."""
    percent = round(100 * fraction, 1) + 0.0
    if percent >= 100 > 100 * fraction:
        return "> 99.9 %"
    return f"{percent:.1f} %".replace("-", "−")


def interval_text(interval: Interval) -> str:
    """A reduction or a rate with its interval; an exact one without."""
    if interval.ci_low == interval.ci_high:
        return percent_text(interval.value)
    return (
        f"{percent_text(interval.value)} [{percent_text(interval.ci_low)}, {percent_text(interval.ci_high)}]"
    )


def reduction_text(metric: Metric) -> str:
    """The candidate's reduction, or a dash where there is nothing to compare."""
    return interval_text(metric.reduction) if metric.reduction else "–"


def metric_title(name: str) -> str:
    """The title of a metric; its own name if the catalogue does not know it."""
    found = catalogue.definition(name)
    return found.title if found else name


def stage_title(name: str) -> str:
    """A stage in words: `create_batches` is Create batches, `run` the whole scheduler run."""
    if name == catalogue.RUN:
        return "Whole run"
    return name if name.startswith("ix_") else name.replace("_", " ").capitalize()


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    for unit in units[:-1]:
        if abs(value) >= 0.9995:
            return f"{value:.3g} {unit}" if abs(value) < 999.5 else f"{value:,.0f} {unit}"
        value *= step
    return f"{value:.3g} {units[-1]}"


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def log_line(line: str) -> str:
    """A line that no CI runner takes for a command, though a name from a file began it.

    GitHub's runner obeys `::name::` after any white space, and both it and Azure's obey `##[` or `##vso[`.
    """
    text = line.replace("##[", "# #[").replace("##vso[", "# #vso[")
    return text.replace("::", ": :", 1) if text.lstrip().startswith("::") else text


def printable(text: str) -> str:
    """Without control characters, which could move a terminal's cursor or break XML."""
    return "".join(character if character.isprintable() else " " for character in text)
