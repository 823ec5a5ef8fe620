"""The tables of a run, as text in cells."""

from collections.abc import Iterable, Mapping

from claimbench.reports.pages.page import PageTable, columns
from claimbench.reports.record.run import Metric, ResultRecord
from claimbench.reports.record.values import Scalar
from claimbench.reports.wording import (
    count_text,
    metric_title,
    reduction_text,
    stage_title,
    value_text,
)
from claimbench.scenarios.metrics import CATALOGUE, RUN, definition


def scaling(record: ResultRecord) -> PageTable:
    """What grows in a whole run, a column per size; memory if it was taken at several."""
    words = record.words
    wanted = [m for m in record.metrics if m.metric in {"round_trips", "statements"} and m.stage == RUN]
    memory = [m for m in record.metrics if m.metric == "peak_memory" and m.stage == RUN]
    wanted += memory if len(memory) > 1 else []
    sizes = sorted({metric.size for metric in wanted})
    rows = []
    for name in dict.fromkeys(metric.metric for metric in wanted):
        by_size = {metric.size: metric for metric in wanted if metric.metric == name}
        for arm in record.arms:
            counts = [_value(by_size.get(size), arm.name) for size in sizes]
            rows.append((metric_title(name), arm.name, *counts))
        reductions = [reduction_text(by_size[size]) if size in by_size else "–" for size in sizes]
        rows.append((metric_title(name), "reduction", *reductions))
    heads = columns(("Metric", "Arm"), tuple(words.sized(size) for size in sizes))
    return PageTable(f"Per {words.run}, by number of {words.size}", heads, tuple(rows))


def metrics(record: ResultRecord, sizes: Iterable[int]) -> PageTable:
    """A row per metric, step and round-trip time at these sizes."""
    wanted = frozenset(sizes)
    found = [metric for metric in record.metrics if metric.size in wanted]
    arms = tuple(arm.name for arm in record.arms)
    rows = tuple(
        (
            metric_title(metric.metric),
            stage_title(metric.stage),
            count_text(metric.size),
            f"{metric.rtt_ms:g}",
            *(_value(metric, arm) for arm in arms),
            reduction_text(metric),
            str(metric.blocks),
        )
        for metric in found
    )
    words = record.words
    heads = columns(
        ("Metric", words.step.capitalize()),
        (words.size.capitalize(), "Round trip, ms", *arms, "Reduction", "Blocks"),
    )
    return PageTable(f"Metrics, per {words.run}", heads, rows)


def provenance(record: ResultRecord) -> PageTable:
    """Where the numbers of each metric came from: how many samples, of which blocks and sizes."""
    names = dict.fromkeys(metric.metric for metric in record.metrics)
    rows = []
    for name in names:
        found = [metric for metric in record.metrics if metric.metric == name]
        samples = [sample for sample in record.samples if sample.metric == name]
        known = definition(name)
        rows.append(
            (
                metric_title(name),
                known.description if known else "not in the catalogue",
                "exact count" if known and known.tier == "counter" else "interval",
                count_text(len(samples)),
                _listed(metric.blocks for metric in found),
                _listed(metric.size for metric in found),
                _listed(metric.rtt_ms for metric in found),
            )
        )
    size = record.words.size.capitalize()
    heads = columns(("Metric", "What it is", "Kind"), ("Samples", "Blocks", size, "Round trips, ms"))
    return PageTable("Where the numbers come from", heads, tuple(rows))


def not_measured(record: ResultRecord) -> tuple[str, ...]:
    """Titles of the catalogue's metrics that this run has no number for."""
    measured = {metric.metric for metric in record.metrics}
    known = [metric for metric in CATALOGUE if metric.workload in ("", record.scenario.workload)]
    return tuple(metric.title for metric in known if metric.name not in measured)


def facts(title: str, values: Mapping[str, Scalar]) -> PageTable:
    """Names and values, such as the environment."""
    rows = tuple((name, _scalar(value)) for name, value in values.items())
    return PageTable(title, columns(("Name", "Value")), rows)


def arms(record: ResultRecord) -> PageTable:
    """The two arms."""
    rows = tuple((arm.name, arm.role, arm.pipeline, arm.indexes) for arm in record.arms)
    return PageTable("Arms", columns(("Arm", "Role", "Pipeline", "The document's indexes")), rows)


def _value(metric: Metric | None, arm: str) -> str:
    if metric is None or arm not in metric.values:
        return "–"
    return value_text(metric.values[arm], metric.unit)


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in sorted(set(values)))


def _scalar(value: Scalar) -> str:
    if value is None:
        return "not known"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
